/** Frames per second, over the last two seconds, and how much the table holds. */

import { counted } from "./words.js";

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

  /**
   * Count a frame that was read.
   *
   * @param {number} rows of the table so far.
   */
  count(rows) {
    const nowMs = performance.now();
    this.#timesMs.push(nowMs);
    while (nowMs - this.#timesMs[0] > WINDOW_MS) this.#timesMs.shift();
    if (nowMs - this.#shownMs < REFRESH_MS) return;
    this.#shownMs = nowMs;
    const steps = this.#timesMs.length - 1;
    const perSecond = steps ? (1000 * steps) / (nowMs - this.#timesMs[0]) : 0;
    this.#element.textContent = `${counted(Math.round(perSecond), "frame")} per second · ${counted(rows, "row")}`;
  }
}
