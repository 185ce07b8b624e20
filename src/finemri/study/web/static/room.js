// What all pictures of a trial share: window, zoom, place. A change of one shows in every one, so they stay comparable.

const NARROWEST = 0.01; // of white: a narrower window would be a threshold

export class Room {
  // white: the grey value that is white at first, in every trial; changed(state): told of every change.
  constructor(views, white, changed) {
    Object.assign(this, { views, white, changed, drawing: false });
    this.state = this.first;
  }

  get first() {
    return { low: 0, high: this.white, smooth: true, ...this.views[0].home };
  }

  change(told) {
    this.state = { ...this.state, ...told };
    this.changed(this.state);
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      for (const view of this.views) view.draw(this.state);
    });
  }

  reset() {
    const { smooth, plane, tile } = this.state; // how one looks, not what one sees
    this.change({ ...this.first, smooth, plane, tile });
  }

  // Of the whole window: across it gets wider, up it gets brighter.
  window(across, up) {
    const { low, high } = this.state;
    const width = clamp(high - low + across * this.white, NARROWEST * this.white, 2.6 * this.white);
    const level = clamp((low + high) / 2 - up * this.white, 0, 1.3 * this.white);
    this.change({ low: level - width / 2, high: level + width / 2 });
  }

  zoom(factor, view = this.views[0], x, y) {
    this.change(view.zoomed(this.state, factor, x, y));
  }

  pan(dx, dy, view = this.views[0], x, y) {
    this.change(view.panned(this.state, dx, dy, x, y));
  }

  point(view, x, y) {
    this.change(view.pointed(this.state, x, y));
  }

  scroll(steps, view = this.views[0], x, y) {
    if (view.scrolled) this.change(view.scrolled(this.state, steps, x, y));
  }
}

export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
