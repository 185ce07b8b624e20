// How long a trial was looked at, and how its window was set meanwhile.

const LONGEST = 8000; // letters; the server keeps nothing of a longer log
const APART = 0.5; // seconds between two entries

export class Watch {
  #sum = 0;
  #since = null;
  #log = [];

  start() { // from when the pictures are there; stands still while the page is hidden
    const follow = () => {
      if (!document.hidden) this.#since ??= performance.now();
      else if (this.#since !== null) [this.#sum, this.#since] = [this.#sum + performance.now() - this.#since, null];
    };
    document.addEventListener("visibilitychange", follow);
    follow();
  }

  get seconds() {
    return (this.#sum + (this.#since === null ? 0 : performance.now() - this.#since)) / 1000;
  }

  note({ low, high, zoom }) {
    const entry = { t: rounded(this.seconds, 2), low: Math.round(low), high: Math.round(high), zoom: rounded(zoom, 2) };
    const last = this.#log.at(-1);
    if (last && last.low === entry.low && last.high === entry.high && last.zoom === entry.zoom) return;
    if (this.#log.length > 1 && entry.t - this.#log.at(-2).t < APART) this.#log.pop(); // only where a drag ends counts
    this.#log.push(entry);
  }

  get log() {
    let kept = this.#log;
    while (JSON.stringify(kept).length > LONGEST) kept = kept.filter((_, n) => n % 2 === 0 || n === kept.length - 1);
    return JSON.stringify(kept);
  }
}

const rounded = (value, digits) => Number(value.toFixed(digits));
