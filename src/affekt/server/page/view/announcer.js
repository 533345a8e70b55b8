/** Says what changed to those who cannot see it, seldom enough to be listened to. */

const SELDOM_MS = 4000;

export class Announcer {
  #place = document.getElementById("announcer");
  #lastMs = -Infinity;
  #lastText = "";

  /** Say it at once. */
  say(text) {
    this.#lastMs = performance.now();
    this.#lastText = text;
    this.#place.textContent = text;
  }

  /** Say it if it is news and the last word was some seconds ago. */
  sayInPassing(text) {
    if (text !== this.#lastText && performance.now() - this.#lastMs >= SELDOM_MS) this.say(text);
  }
}
