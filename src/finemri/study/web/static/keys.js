// Everything by keyboard. A picture with the focus is moved by arrows; elsewhere they choose, or go to other slices.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEP = 0.05; // of the whole window
const SHIFT = 30; // pixels

export function shortcuts({ answers, room, todo }) {
  const letters = document.querySelector("#letters");
  letters.checked = sessionStorage.getItem("letters") !== "off";
  letters.addEventListener("change", () => sessionStorage.setItem("letters", letters.checked ? "on" : "off"));
  const named = {
    Enter: todo.submit, Backspace: todo.back, b: todo.back, n: todo.next, p: todo.pause, s: todo.smooth, v: todo.planes,
    w: todo.reset, x: todo.lines, "+": todo.nearer, "=": todo.nearer, "-": todo.farther, "−": todo.farther,
  };

  const arrowed = (name, on) => {
    const [right, up] = ARROWS[name];
    if (on.matches("canvas")) return room.pan(-SHIFT * right, SHIFT * up), true;
    if (up && room.views[0].scrolled) return room.scroll(up), true;
    return !on.matches("input") && answers.key(name);
  };

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.shiftKey && key in ARROWS) {
      room.window(ARROWS[key][0] * STEP, ARROWS[key][1] * STEP);
    } else if (key === "PageUp" || key === "PageDown") {
      if (!room.views[0].scrolled) return;
      room.scroll(key === "PageUp" ? 1 : -1);
    } else if (key in ARROWS) {
      if (target.matches("input[type=range]") || !arrowed(key, target)) return;
    } else if (key === "Enter" && target.closest("a, button, summary")) {
      return; // that does what it says
    } else if (key.length === 1 && !letters.checked) {
      return;
    } else if (event.repeat && !"+-=−".includes(key)) {
      return; // a key held down answers once
    } else if (!answers.key(key)) {
      const what = named[key] ?? named[key.toLowerCase()];
      if (!what) return;
      what();
    }
    event.preventDefault();
  });
}
