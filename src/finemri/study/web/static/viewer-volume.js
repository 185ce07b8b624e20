// A volume, by NiiVue: it draws; window, zoom and place come from the room, so that no picture has a window of its own.

import { Niivue, NVImage, SHOW_RENDER, SLICE_TYPE } from "./niivue.js";
import { clamp } from "./room.js";

const TYPES = [SLICE_TYPE.MULTIPLANAR, SLICE_TYPE.AXIAL, SLICE_TYPE.CORONAL, SLICE_TYPE.SAGITTAL];
const MOST_ZOOM = 10;
const LINE = 1.5; // pixels: less would fall between two
const SMALL = 360; // pixels: too few for three planes
const QUIET = {
  interactive: false, // its double click would set a window of its own
  dragAndDropEnabled: false,
  isColorbar: false,
  loadingText: "",
  logLevel: "error",
  multiplanarShowRender: SHOW_RENDER.NEVER,
  isRadiologicalConvention: true,
  sagittalNoseLeft: true,
  fontColor: [0.5, 0.53, 0.56, 1],
  fontSizeScaling: 0.3,
  crosshairColor: [0.85, 0.65, 0.34, 0.7],
  crosshairWidthUnit: "mm",
  crosshairGap: 16, // half widths of a line: what is pointed at stays free
};

export class View {
  constructor(canvas, { shape, white }) {
    Object.assign(this, { canvas, shape, white });
    const small = Math.min(canvas.clientWidth, canvas.clientHeight) < SMALL;
    this.home = { zoom: 1, pan: [0, 0, 0], cross: [0.5, 0.5, 0.5], lines: true, plane: small ? 1 : 0, tile: 0 };
    this.volume = new Niivue(QUIET);
    const drawn = { low: 0, high: white, smooth: true, plane: 0 }; // what NiiVue begins with: to set it again takes long
    Object.assign(this, { drawn, line: LINE });
  }

  async load(content) {
    await this.volume.attachToCanvas(this.canvas, false); // no browser's own smoothing of edges
    const told = { name: "picture.nii", colormap: "gray", cal_min: 0, cal_max: this.white, trustCalMinMax: true };
    this.volume.addVolume(await NVImage.loadFromUrl({ url: content, ...told }));
    this.watch = new ResizeObserver(() => this.drawn.cross && this.draw(this.drawn));
    this.watch.observe(this.canvas);
  }

  draw(state) {
    const { volume, drawn } = this;
    if (drawn.low !== state.low || drawn.high !== state.high) {
      Object.assign(volume.volumes[0], { cal_min: state.low, cal_max: state.high });
      volume.updateGLVolume();
    }
    if (drawn.smooth !== state.smooth) volume.setInterpolation(!state.smooth);
    if (drawn.plane !== state.plane) volume.setSliceType(TYPES[state.plane]);
    volume.opts.crosshairWidth = state.lines ? this.line : 0;
    volume.scene.pan2Dxyzmm = [...state.pan, state.zoom];
    volume.scene.crosshairPos = state.cross;
    this.drawn = { ...state };
    volume.drawScene();
    if (state.lines && this.#thin()) volume.drawScene();
  }

  zoomed(state, factor) {
    const zoom = clamp(state.zoom * factor, 1, MOST_ZOOM);
    if (zoom === 1) return { zoom, pan: [0, 0, 0] };
    const place = this.volume.frac2mm(state.cross); // stays where it is
    return { zoom, pan: state.pan.map((part, axis) => part + (state.zoom - zoom) * place[axis]) };
  }

  panned(state, dx, dy, x, y) {
    const [toX, toY] = x === undefined ? this.#middle(state) : this.#pixels(x, y);
    const [byX, byY] = this.#pixels(dx, dy);
    const to = this.volume.screenXY2mm(toX, toY);
    const from = this.volume.screenXY2mm(toX - byX, toY - byY, to[3]);
    if (state.zoom === 1 || ![...to, ...from].every(Number.isFinite)) return {};
    return { pan: state.pan.map((part, axis) => part + state.zoom * (to[axis] - from[axis])) };
  }

  pointed(state, x, y) {
    const [tile, place] = this.#under(x, y);
    return tile === undefined ? {} : { cross: [...place], tile, lines: true };
  }

  scrolled(state, steps, x, y) {
    const tile = this.#under(x, y)[0] ?? state.tile;
    const axis = 2 - tile; // axial 0 runs along k, coronal 1 along j, sagittal 2 along i
    return { tile, cross: state.cross.map((part, n) => (n === axis ? this.#stepped(part, n, steps) : part)) };
  }

  slice({ tile, cross }) { // which slice of how many
    const count = this.shape[2 - tile];
    return [clamp(Math.floor(cross[2 - tile] * count), 0, count - 1) + 1, count];
  }

  planed(plane) { // all three, or one, which then is what scrolls
    return { plane, ...(plane ? { tile: plane - 1 } : {}) };
  }

  // Whether the lines, which NiiVue measures in millimetres, had to be made as thin as on other zooms.
  #thin() {
    const { volume } = this;
    const pixels = volume.screenSlices.map(({ fovMM, leftTopWidthHeight: box }) => Math.abs(fovMM[0] / box[2]));
    const line = LINE * Math.max(...pixels);
    if (!Number.isFinite(line) || Math.abs(line - this.line) < 0.01 * line) return false;
    this.line = volume.opts.crosshairWidth = line;
    volume.opts.crosshairGap = QUIET.crosshairGap * volume.uiData.dpr;
    volume.crosshairs3D?.mm.fill(NaN); // else it keeps the old ones
    return true;
  }

  #stepped(part, axis, steps) {
    const count = this.shape[axis];
    return (clamp(Math.floor(part * count) + steps, 0, count - 1) + 0.5) / count;
  }

  #under(x, y) {
    if (x === undefined) return [];
    for (const [n, { axCorSag }] of this.volume.screenSlices.entries()) {
      const place = this.volume.screenXY2TextureFrac(...this.#pixels(x, y), n, true);
      if (axCorSag <= SLICE_TYPE.SAGITTAL && place[0] >= 0) return [axCorSag, place];
    }
    return [];
  }

  #middle({ tile }) {
    const { screenSlices } = this.volume;
    const shown = screenSlices.find(({ axCorSag }) => axCorSag === tile) ?? screenSlices[0];
    const [left, top, width, height] = shown.leftTopWidthHeight;
    return [left + width / 2, top + height / 2];
  }

  #pixels(x, y) {
    return [x * this.volume.uiData.dpr, y * this.volume.uiData.dpr];
  }
}
