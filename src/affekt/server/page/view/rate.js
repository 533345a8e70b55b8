/** Frames a second, over the last two seconds. */

const WINDOW_MS = 2000;
const REFRESH_MS = 500;

export class Rate {
  #element;
  #timesMs = [];
  #shownMs = 0;

  /** @param {HTMLElement} element shows the number. */
  constructor(element) {
    this.#element = element;
  }

  begin() {
    this.#timesMs = [];
  }

  end() {
    this.#element.textContent = "";
  }

  /** Count a frame that was read. */
  count() {
    const nowMs = performance.now();
    this.#timesMs.push(nowMs);
    while (nowMs - this.#timesMs[0] > WINDOW_MS) this.#timesMs.shift();
    if (nowMs - this.#shownMs < REFRESH_MS || this.#timesMs.length < 3) return;
    this.#shownMs = nowMs;
    const perSecond = (1000 * (this.#timesMs.length - 1)) / (nowMs - this.#timesMs[0]);
    this.#element.textContent = `${perSecond.toFixed(0)} frames a second`;
  }
}
