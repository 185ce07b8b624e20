// A trial: pictures come, then questions are answered, by keys or by pointer, and sent as the plain form that they are.

import { Answers } from "./answers.js";
import { listen } from "./gestures.js";
import { shortcuts } from "./keys.js";
import { Room } from "./room.js";
import { Watch } from "./watch.js";

const TRIES = [0, 1000, 3000]; // milliseconds before a picture is asked for again

const panes = document.querySelector("#panes");
const form = document.querySelector("#answer");
const send = document.querySelector("#send");
const notice = document.querySelector("#notice");
const watch = new Watch();
let ready = false;
let sent = false;

const answers = new Answers(form, () => {
  say("");
  allow();
});

function allow() {
  send.disabled = !ready || sent || answers.open.length > 0;
}

function say(sentence) {
  notice.textContent = sentence;
}

function submit() {
  if (!ready || sent) return;
  const [missing] = answers.open;
  if (missing) {
    answers.mark(missing);
    say(`There is no answer yet to: ${missing.dataset.name}.`);
  } else form.requestSubmit(send);
}

form.addEventListener("submit", (event) => {
  if (!ready || sent || answers.open.length) return event.preventDefault();
  sent = true;
  form.elements.seconds.value = watch.seconds.toFixed(2);
  form.elements.log.value = watch.log;
  requestAnimationFrame(allow); // after the form has gone
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.replace("/study?begin=1"); // a page out of the browser's memory may be answered
});

async function fetched(url) {
  for (const pause of TRIES) {
    await new Promise((done) => setTimeout(done, pause));
    const answer = await fetch(url).catch(() => null); // no connection: once more
    if (answer?.ok) return answer.arrayBuffer();
    if (answer && answer.status < 500) break;
  }
  throw new Error("A picture did not come; reload the page.");
}

async function viewed() {
  const numbers = (text) => text.split(" ").map(Number);
  const { view, shape, spacing, white } = panes.dataset;
  const about = { shape: numbers(shape), spacing: numbers(spacing), white: Number(white) };
  const { View } = await (view === "volume" ? import("./viewer-volume.js") : import("./viewer-slice.js"));
  const canvases = [...panes.querySelectorAll("canvas")];
  const contents = await Promise.all(canvases.map((canvas) => fetched(canvas.dataset.url)));
  const views = canvases.map((canvas) => new View(canvas, about));
  for (const [n, view] of views.entries()) await view.load(contents[n]); // one after the other: they share a GPU
  const room = new Room(views, about.white, (state) => {
    watch.note(state);
    tell(room, state);
  });
  canvases.forEach((canvas, n) => listen(canvas, views[n], room));
  return room;
}

// Buttons and the slider show what the room is like.
function tell(room, state) {
  panes.querySelector('[data-do="smooth"]').setAttribute("aria-pressed", String(state.smooth));
  const slider = panes.querySelector("#slice");
  if (!slider) return;
  const [number, count] = room.views[0].slice(state);
  Object.assign(slider, { max: count, value: number });
  slider.setAttribute("aria-valuetext", `${number} of ${count}`);
  panes.querySelector("#slice-name").textContent = `${["Axial", "Coronal", "Sagittal"][state.tile]} ${number}/${count}`;
}

// Planes and lines of volumes stay as they were in the trial before; windows start anew.
const keep = ({ plane, lines }) => sessionStorage.setItem("habits", JSON.stringify({ plane, lines }));

function kept(view) {
  const { plane, lines } = JSON.parse(sessionStorage.getItem("habits") ?? "{}");
  return { ...(view.planed && plane !== undefined && view.planed(plane)), ...(lines !== undefined && { lines }) };
}

function doings(room) {
  return {
    planes: () => {
      if (!room.views[0].planed) return;
      room.change(room.views[0].planed((room.state.plane + 1) % 4));
      keep(room.state);
    },
    nearer: () => room.zoom(1.25),
    farther: () => room.zoom(0.8),
    smooth: () => room.change({ smooth: !room.state.smooth }),
    reset: () => room.reset(),
    lines: () => {
      room.change("lines" in room.state ? { lines: !room.state.lines } : { cross: null });
      keep(room.state);
    },
    next: () => answers.next(),
    pause: () => document.querySelector("#pause").requestSubmit(),
    back: () => document.querySelector("#back")?.click(),
    submit,
  };
}

try {
  const room = await viewed();
  const todo = doings(room);
  for (const button of panes.querySelectorAll("[data-do]")) button.addEventListener("click", todo[button.dataset.do]);
  panes.querySelector("#slice")?.addEventListener("input", ({ target }) => {
    room.scroll(Number(target.value) - room.views[0].slice(room.state)[0]);
  });
  shortcuts({ answers, room, todo });
  room.change(kept(room.views[0]));
  requestAnimationFrame(() => requestAnimationFrame(() => {
    ready = true;
    watch.start();
    panes.dataset.ready = "yes";
    allow();
  }));
} catch (error) {
  panes.dataset.ready = "no";
  const blind = /WebGL/i.test(error.message);
  say(blind ? "This browser can’t draw volumes, as it has no WebGL 2; open your link in another." : error.message);
}
