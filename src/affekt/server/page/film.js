/**
 * A video file, read where the browser shows it: frame by frame, each once and at its own time.
 *
 * Browsers give no list of frames, only the frame that is shown at a time; so the times between are asked for. A frame
 * that is shown for less than half as long as the one before it may be missed.
 */

/** No frame is shown for less. */
const SHORTEST_S = 1 / 240;
/** Files keep times in milliseconds; a frame that is due at 0.2 s may be shown at 0.1996. */
const GRACE_S = 5e-4;
/** What is asked of a browser to go to the end of a recording that does not say how long it is. */
const BEYOND_S = 1e9;
/** A browser that shows the same frame again may not say so. */
const MOST_WAIT_MS = 1000;
/** So many times longer than the frame before, a frame may be taken for usual. */
const SLOWER = 1.25;
/** Pixels of a frame's small copy, by which cuts are found: as in shots.py; and of the canvas it is averaged from. */
const [SMALL_WIDTH, SMALL_HEIGHT, BLOCK] = [32, 18, 4];

export class Film {
  #video = document.createElement("video");
  #address;
  #startS = 0;
  #shownS = NaN;
  #small = new OffscreenCanvas(SMALL_WIDTH * BLOCK, SMALL_HEIGHT * BLOCK).getContext("2d", { willReadFrequently: true });

  /**
   * @param {File} file
   * @returns {Promise<Film>}
   * @throws {Error} with one sentence for the person, where the browser cannot play it.
   */
  static async open(file) {
    const film = new Film();
    const video = film.#video;
    film.#address = URL.createObjectURL(file);
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: film.#address });
    // Only of a video that is on the page a browser says when a frame is shown.
    Object.assign(video.style, { position: "fixed", left: "0", top: "0", width: "2px", height: "2px", opacity: "0.01" });
    video.style.pointerEvents = "none";
    document.body.append(video);
    try {
      await happened(video, "loadeddata");
      if (!video.videoWidth) throw new Error("it has no pictures");
      if (!Number.isFinite(video.duration)) await film.#seek(BEYOND_S);
      film.#startS = await film.#seek(0);
    } catch (error) {
      film.close();
      throw error;
    }
    return film;
  }

  /** Give the file back. */
  close() {
    this.#video.remove();
    this.#video.removeAttribute("src");
    URL.revokeObjectURL(this.#address);
  }

  /** From the first frame on, in seconds. */
  get lengthS() {
    return this.#video.duration - this.#startS;
  }

  /** What shows the frame of the moment. */
  get picture() {
    return this.#video;
  }

  /** Of the picture, in pixels. */
  get size() {
    return { width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  /** Show again the frame that had this `atS`. */
  async show(atS) {
    await this.#seek(atS);
  }

  /**
   * Yield the frames in their order.
   *
   * @param {number} everyS seconds between the frames that are taken; 0 takes all.
   * @yields {{bitmap: ImageBitmap, small: Float64Array, timeS: number, atS: number, frame: number | null}} `small` is for
   * `ShotCounter`, `timeS` is from the first frame on, `atS` for `show`, and frames have numbers where all are taken.
   */
  async *frames(everyS = 0) {
    let shownS = await this.#seek(this.#startS);
    let stepS = SHORTEST_S;
    for (let frame = 0; shownS !== null; frame++) {
      const timeS = shownS - this.#startS;
      const bitmap = await createImageBitmap(this.#video);
      // Not by when it begins: browsers round, and may show the frame before at that very time.
      const atS = this.#video.currentTime;
      yield { bitmap, small: this.#smallCopy(), timeS, atS, frame: everyS ? null : frame };
      let nextS = null;
      // How long a frame lasts is known from the first two.
      if (!everyS || !frame) {
        nextS = await this.#firstAfter(shownS, 1.5 * stepS, stepS);
        // A pause is not the new usual.
        const mostS = frame ? SLOWER * stepS : Infinity;
        stepS = Math.max(Math.min((nextS ?? shownS) - shownS, mostS), SHORTEST_S);
      }
      if (everyS) {
        const dueS = this.#startS + (Math.floor((timeS + GRACE_S) / everyS) + 1) * everyS;
        if (nextS === null || nextS < dueS - GRACE_S) nextS = await this.#firstAfter(dueS - GRACE_S, stepS / 2, stepS);
      }
      shownS = nextS;
    }
  }

  /** Go to the first frame that begins after a time, looking so far ahead at first; its time, or null at the end. */
  async #firstAfter(timeS, aheadS, stepS) {
    const endS = this.#video.duration;
    let earliestS = timeS;
    let foundS = timeS;
    let foundAtS = timeS;
    for (let reachS = aheadS; foundS <= timeS; reachS *= 2) {
      if (foundAtS === endS) return null;
      earliestS = foundAtS;
      foundAtS = Math.min(timeS + reachS, endS);
      foundS = await this.#seek(foundAtS);
    }
    // Where that was a long way, another one may have begun before it.
    const enoughS = earliestS === timeS ? Infinity : Math.max(0.75 * stepS, SHORTEST_S);
    while (foundS - earliestS > enoughS) {
      const middleS = (earliestS + foundS) / 2;
      const shownS = await this.#seek(middleS);
      if (shownS > timeS) [foundS, foundAtS] = [shownS, middleS];
      else earliestS = middleS;
    }
    if (this.#video.currentTime !== foundAtS) await this.#seek(foundAtS);
    return foundS;
  }

  #smallCopy() {
    const { width, height } = this.#small.canvas;
    this.#small.drawImage(this.#video, 0, 0, width, height);
    const { data } = this.#small.getImageData(0, 0, width, height);
    const copy = new Float64Array(SMALL_WIDTH * SMALL_HEIGHT * 3);
    for (let at = 0; at < data.length; at += 4) {
      const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
      const place = 3 * (Math.floor(y / BLOCK) * SMALL_WIDTH + Math.floor(x / BLOCK));
      for (let colour = 0; colour < 3; colour++) copy[place + colour] += data[at + colour] / BLOCK ** 2;
    }
    return copy;
  }

  /** Show the frame of a time of the file; return when it begins. */
  async #seek(toS) {
    const video = this.#video;
    const before = this.#shownS;
    const sought = happened(video, "seeked");
    const shown = new Promise((resolve) => video.requestVideoFrameCallback?.(resolve));
    video.currentTime = toS;
    await sought;
    // A busy browser says that it is there while it still shows the frame before, or none.
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || beginningOf(video) === before) {
      await Promise.race([shown, new Promise((resolve) => setTimeout(resolve, MOST_WAIT_MS))]);
    }
    this.#shownS = beginningOf(video);
    return this.#shownS;
  }
}

/** When the frame that is shown begins; a browser that does not tell is taken at its word. */
function beginningOf(video) {
  if (!globalThis.VideoFrame) return video.currentTime;
  const frame = new VideoFrame(video);
  frame.close();
  return frame.timestamp / 1e6;
}

function happened(video, event) {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true });
    const fail = () => reject(new Error("this browser does not play it; affekt predict reads more kinds of videos"));
    video.addEventListener("error", fail, { once: true });
  });
}
