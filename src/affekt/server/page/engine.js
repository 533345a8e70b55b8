/** Detector and network in this browser, in a worker of their own. */

export class BrowserEngine {
  #worker = new Worker(new URL("compute/worker.js", import.meta.url), { type: "module", name: "affekt" });
  #waiting = new Map();
  #number = 0;

  /** False: what it is given stays on this device. */
  sends = false;

  constructor() {
    this.#worker.onmessage = ({ data: { number, answer, problem, isUnfetched } }) => {
      const { resolve, reject } = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (problem === undefined) resolve(answer);
      else reject(Object.assign(new Error(problem), { isUnfetched }));
    };
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message || "its worker does not start"));
      this.#waiting.clear();
    };
  }

  /**
   * Load everything.
   *
   * @param {"auto" | "webgpu" | "wasm"} provider
   * @returns {Promise<BrowserEngine>} with `card`, `provider` and `threads`; rejected with an error whose `isUnfetched`
   * tells a file that did not come from a browser that cannot run the network.
   */
  static async open(provider) {
    const engine = new BrowserEngine();
    try {
      return Object.assign(engine, await engine.#call("open", { provider }));
    } catch (error) {
      engine.#worker.terminate();
      throw error;
    }
  }

  /**
   * Find and read the faces of a picture.
   *
   * @param {{bitmap: ImageBitmap, longestSide: number, looksAgain?: boolean}} given the bitmap is handed over and closed; a
   * second look where no face is found follows unless it is unwanted.
   * @returns {Promise<{width: number, height: number, faces: object[], tookMs: number}>} each face with `boxXyxy`,
   * `score`, `probabilities` (one per label, or none) and `point` (valence and arousal, or none).
   */
  analyse({ bitmap, longestSide, looksAgain = true }) {
    return this.#call("analyse", { bitmap, longestSide, looksAgain }, [bitmap]);
  }

  #call(call, given, transferred = []) {
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, call, arguments: given }, transferred);
    });
  }
}
