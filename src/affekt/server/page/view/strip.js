/** A strip of what was read: a tile for each file, by which it is looked at again; a file that failed says why. */

import { colourOf } from "../affect/colours.js";

const [WIDTH, HEIGHT] = [96, 72];

export class Strip {
  #element = document.getElementById("strip");
  #drawn = new Map();
  #items = [];
  #onChoose;

  /** @param {(item: import("../reading.js").Item) => void} onChoose called with the item of a tile that is pressed. */
  constructor(onChoose) {
    this.#onChoose = onChoose;
  }

  /** Keep a small copy of an item's picture, for its tile. */
  draw(item, picture, { width, height }) {
    const scale = Math.max(WIDTH / width, HEIGHT / height) * devicePixelRatio;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: WIDTH * devicePixelRatio, height: HEIGHT * devicePixelRatio });
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const size = [width * scale, height * scale];
    context.drawImage(picture, (canvas.width - size[0]) / 2, (canvas.height - size[1]) / 2, ...size);
    this.#drawn.set(item, canvas);
  }

  /** Add the tile of an item; one alone needs none. */
  add(item) {
    this.#items.push(item);
    const tile = document.createElement("button");
    tile.type = "button";
    tile.classList.toggle("fault", Boolean(item.fault));
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: item.name });
    const mark = Object.assign(document.createElement("span"), { className: "mark", textContent: "!" });
    tile.append(item.fault ? mark : (this.#drawn.get(item) ?? ""), name);
    tile.title = item.fault ?? item.name;
    const emotion = item.people?.[0]?.emotion;
    if (emotion) tile.style.setProperty("--paint", colourOf(emotion));
    tile.addEventListener("click", () => this.choose(item));
    this.#element.append(tile);
    this.#element.hidden = this.#items.length < 2;
    this.#element.scrollLeft = this.#element.scrollWidth;
    if (!item.fault) this.mark(item);
  }

  choose(item) {
    this.mark(item);
    this.#onChoose(item);
  }

  /** Say which item is looked at; none where it is the camera. */
  mark(item) {
    [...this.#element.children].forEach((tile, at) => tile.setAttribute("aria-pressed", this.#items[at] === item));
  }

  /** Forget all, and give the files of films back. */
  clear() {
    for (const { film } of this.#items) film?.close();
    this.#items = [];
    this.#drawn.clear();
    this.#element.replaceChildren();
    this.#element.hidden = true;
  }
}
