// One slice: 16-bit rows from the top, windowed here, stretched to its size in millimetres.

import { clamp } from "./room.js";

const MOST_ZOOM = 16;
const CROSS = "#d8a657";

export class View {
  home = { zoom: 1, x: 0.5, y: 0.5, cross: null }; // x, y: the place of the image that is in the middle

  constructor(canvas, { shape, spacing }) {
    [this.rows, this.columns] = shape;
    this.height = this.rows * spacing[0]; // mm
    this.width = this.columns * spacing[1];
    this.canvas = canvas;
    this.image = new OffscreenCanvas(this.columns, this.rows);
    this.windowed = "";
  }

  async load(content) {
    if (content.byteLength !== 2 * this.rows * this.columns) throw new Error("The picture came in part.");
    const bytes = new DataView(content);
    this.grey = Uint16Array.from({ length: this.rows * this.columns }, (_, n) => bytes.getUint16(2 * n, true));
    this.watch = new ResizeObserver(() => this.state && this.draw(this.state));
    this.watch.observe(this.canvas);
  }

  draw(state) {
    this.state = state;
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const sides = [canvas.clientWidth, canvas.clientHeight];
    const [across, down] = sides.map((side) => Math.max(1, Math.round(side * ratio)));
    if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
    this.#window(state);
    const pen = canvas.getContext("2d", { alpha: false });
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, across, down);
    pen.imageSmoothingEnabled = state.smooth;
    pen.imageSmoothingQuality = "high";
    const scale = this.#scale(state) * ratio;
    const [left, top] = [across / 2 - state.x * this.width * scale, down / 2 - state.y * this.height * scale];
    pen.drawImage(this.image, left, top, this.width * scale, this.height * scale);
    if (!state.cross) return;
    const [x, y] = state.cross;
    cross(pen, left + x * this.width * scale, top + y * this.height * scale, ratio);
  }

  zoomed(state, factor, x, y) {
    const zoom = clamp(state.zoom * factor, 1, MOST_ZOOM);
    if (zoom === 1) return { zoom, x: 0.5, y: 0.5 };
    const [px, py] = x === undefined ? [state.x, state.y] : this.#place(state, x, y);
    const kept = state.zoom / zoom; // what is under the pointer stays there
    return { zoom, x: clamp(px + (state.x - px) * kept, 0, 1), y: clamp(py + (state.y - py) * kept, 0, 1) };
  }

  panned(state, dx, dy) {
    const scale = this.#scale(state);
    if (state.zoom === 1) return {};
    const [x, y] = [state.x - dx / (this.width * scale), state.y - dy / (this.height * scale)];
    return { x: clamp(x, 0, 1), y: clamp(y, 0, 1) };
  }

  pointed(state, x, y) {
    const place = this.#place(state, x, y);
    return place.every((part) => part >= 0 && part <= 1) ? { cross: place } : {};
  }

  #scale({ zoom }) { // CSS pixels a millimetre
    return zoom * Math.min(this.canvas.clientWidth / this.width, this.canvas.clientHeight / this.height);
  }

  #place(state, x, y) {
    const scale = this.#scale(state);
    const [fromX, fromY] = [x - this.canvas.clientWidth / 2, y - this.canvas.clientHeight / 2];
    return [state.x + fromX / (this.width * scale), state.y + fromY / (this.height * scale)];
  }

  #window({ low, high }) {
    if (this.windowed === `${low} ${high}`) return;
    this.windowed = `${low} ${high}`;
    const pen = this.image.getContext("2d");
    const picture = pen.createImageData(this.columns, this.rows);
    const pixels = new Uint32Array(picture.data.buffer);
    const slope = 255 / (high - low);
    this.grey.forEach((value, n) => {
      const shade = clamp(Math.round((value - low) * slope), 0, 255);
      pixels[n] = 0xff000000 | (shade << 16) | (shade << 8) | shade; // grey is the same from either end
    });
    pen.putImageData(picture, 0, 0);
  }
}

function cross(pen, x, y, ratio) {
  const { width, height } = pen.canvas;
  const gap = 12 * ratio; // what is pointed at stays free
  pen.strokeStyle = CROSS;
  pen.lineWidth = ratio;
  pen.beginPath();
  const across = [[0, y, x - gap, y], [x + gap, y, width, y]];
  const down = [[x, 0, x, y - gap], [x, y + gap, x, height]];
  for (const [x1, y1, x2, y2] of [...across, ...down]) {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
  pen.stroke();
}
