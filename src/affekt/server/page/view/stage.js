/** The picture or the camera, with a box and a word on each face. */

import { colourOf } from "../affect/labels.js";
import { onNextFrame } from "../camera.js";
import { cleared, font, isCalm, legibleOn } from "./surface.js";
import { percent } from "./words.js";

/** After this time a box that jumped has come 63 % of its way: boxes glide between answers of the network. */
const GLIDE_MS = 45;
const LETTERS_PX = 13;
/** In a crowd, words would hide the faces: the chosen face alone has its word, the others their numbers. */
const CROWD = 9;

export class Stage {
  #frame = document.getElementById("frame");
  #video = document.getElementById("video");
  #picture = document.getElementById("picture");
  #overlay = document.getElementById("overlay");
  #welcome = document.getElementById("welcome");
  #people = [];
  #selected = null;
  #shown = new Map();
  #size = { width: 4, height: 3 };
  #mirror = false;
  #lastMs = 0;
  #isGliding = false;

  /** @param {(key: number) => void} onSelect called with the key of a face that is clicked. */
  constructor(onSelect) {
    this.#frame.addEventListener("click", (event) => {
      const person = this.#at(event);
      if (person) onSelect(person.key);
    });
    new ResizeObserver(() => this.#draw(performance.now())).observe(this.#frame);
  }

  welcome() {
    this.#show(null);
    this.#welcome.hidden = false;
    this.#frame.hidden = true;
  }

  showPicture(bitmap, name) {
    Object.assign(this.#picture, { width: bitmap.width, height: bitmap.height });
    this.#picture.getContext("2d").drawImage(bitmap, 0, 0);
    this.#picture.setAttribute("aria-label", `The picture ${name}`);
    this.#mirror = false;
    this.#show(this.#picture, bitmap.width, bitmap.height);
  }

  showCamera(isMirror) {
    this.#mirror = isMirror;
    this.#video.classList.toggle("mirror", isMirror);
    this.#show(this.#video, this.#video.videoWidth, this.#video.videoHeight);
  }

  /**
   * Mark the people of the newest answer.
   *
   * @param {import("../people.js").Person[]} people
   * @param {number | null} selected the key of the one that the panel tells of.
   */
  mark(people, selected) {
    this.#people = people;
    this.#selected = selected;
    if (!this.#isGliding) this.#draw(performance.now());
  }

  /** Let boxes glide from frame to frame of the camera, while it runs. */
  glide(isOn) {
    this.#isGliding = isOn;
    document.body.classList.toggle("live", isOn);
    const step = (nowMs) => {
      if (!this.#isGliding) return;
      this.#draw(nowMs);
      onNextFrame(this.#video, step);
    };
    if (isOn) onNextFrame(this.#video, step);
  }

  #show(element, width = 4, height = 3) {
    this.#size = { width, height };
    this.#people = [];
    this.#shown.clear();
    this.#frame.style.setProperty("--ratio", width / height);
    this.#welcome.hidden = true;
    this.#frame.hidden = false;
    this.#video.hidden = element !== this.#video;
    this.#picture.hidden = element !== this.#picture;
    this.#draw(performance.now());
  }

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#frame.getBoundingClientRect();
    const across = (clientX - left) / width;
    const x = (this.#mirror ? 1 - across : across) * this.#size.width;
    const y = ((clientY - top) / height) * this.#size.height;
    return this.#people.find(({ boxXyxy: box }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
  }

  #draw(nowMs) {
    if (this.#frame.hidden) return;
    const { context, width, height } = cleared(this.#overlay);
    const share = isCalm() || !this.#isGliding ? 1 : 1 - Math.exp(-(nowMs - this.#lastMs) / GLIDE_MS);
    this.#lastMs = nowMs;
    const shown = new Map();
    for (const { key, boxXyxy } of this.#people) {
      const before = this.#shown.get(key) ?? boxXyxy;
      shown.set(key, boxXyxy.map((edge, i) => before[i] + share * (edge - before[i])));
    }
    this.#shown = shown;
    const scaleX = width / this.#size.width;
    const scaleY = height / this.#size.height;
    // From the least sure to the surest face and the chosen one, so that their labels lie on top.
    const chosenLast = (a, b) => (a.key === this.#selected) - (b.key === this.#selected);
    for (const person of this.#people.toReversed().toSorted(chosenLast)) {
      const [left, top, right, bottom] = shown.get(person.key);
      const x = this.#mirror ? width - right * scaleX : left * scaleX;
      const box = { x, y: top * scaleY, width: (right - left) * scaleX, height: (bottom - top) * scaleY };
      this.#drawFace(context, person, box, width);
    }
  }

  #drawFace(context, person, box, stageWidth) {
    const paint = colourOf(person.emotion);
    const isSelected = person.key === this.#selected;
    for (const [style, line] of [["#0009", isSelected ? 6 : 4], [paint, isSelected ? 3.5 : 2]]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.beginPath();
      context.roundRect(box.x, box.y, box.width, box.height, 10);
      context.stroke();
    }
    const number = this.#people.length > 1 ? `${person.key + 1}  ` : "";
    const hasWord = person.emotion && (isSelected || this.#people.length < CROWD);
    const word = hasWord ? `${person.emotion}  ${percent(person.confidence)}` : "";
    if (number + word) drawLabel(context, (number + word).trim(), paint, box, stageWidth);
  }
}

/** Above the box where there is room, else inside its upper edge; never beyond the picture. */
function drawLabel(context, text, paint, box, stageWidth) {
  context.font = font(LETTERS_PX, 600);
  const width = context.measureText(text).width + 16;
  const height = LETTERS_PX + 11;
  const x = Math.max(2, Math.min(box.x, stageWidth - width - 2));
  const y = box.y >= height + 6 ? box.y - height - 5 : Math.max(2, box.y + 6);
  context.fillStyle = paint;
  context.beginPath();
  context.roundRect(x, y, width, height, height / 2);
  context.fill();
  context.fillStyle = legibleOn(paint);
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(text, x + 8, y + height / 2 + 0.5);
}
