// Pointers on a picture: drag sets the window, Shift or a second finger moves it, a click points, the wheel goes on.

const STILL = 4; // pixels that a click may wander
const WINDOW = 400; // pixels for the whole window

export function listen(canvas, view, room) {
  const fingers = new Map();
  let moved = 0;
  const at = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };

  canvas.addEventListener("mousedown", (event) => event.preventDefault()); // focus, and the keys, stay where they are
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", () => room.reset());

  canvas.addEventListener("pointerdown", (event) => {
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, at(event));
    canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.hypot(dx, dy);
    fingers.set(event.pointerId, now);
    if (moved <= STILL) return;
    if (fingers.size > 1) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
      room.zoom(apart(now) / apart(before), view, ...middle);
      room.pan(dx / 2, dy / 2, view, ...middle);
    } else if (event.shiftKey || event.buttons & 6) {
      room.pan(dx, dy, view, ...now);
    } else {
      room.window(dx / WINDOW, -dy / WINDOW);
    }
  });

  const lifted = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    const clicked = event.type === "pointerup" && !fingers.size && moved <= STILL && event.button === 0;
    if (clicked) room.point(view, ...at(event));
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);

  let turned = 0; // trackpads turn by little
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const by = event.deltaY * (event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1);
    if (event.ctrlKey || !view.scrolled) return room.zoom(Math.exp(-by / 500), view, ...at(event));
    turned += by;
    const steps = Math.trunc(turned / 50);
    turned -= 50 * steps;
    if (steps) room.scroll(-Math.sign(steps) * Math.min(Math.abs(steps), 3), view, ...at(event));
  }, { passive: false });
}
