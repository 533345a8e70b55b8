/** The picture or the camera, with a box and a word on each face. */

import { colourOf } from "../affect/colours.js";
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

  /** Show a picture, or the frame of a film, of so many pixels. */
  showPicture(picture, { width, height }, name) {
    Object.assign(this.#picture, { width, height });
    this.draw(picture);
    this.#picture.setAttribute("aria-label", `The picture ${name}`);
    this.#mirror = false;
    this.#show(this.#picture, width, height);
  }

  /** Show the next frame of a film in the place of the one before. */
  draw(picture) {
    this.#picture.getContext("2d").drawImage(picture, 0, 0);
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
    // From the least sure to the surest face and the chosen one, so that their boxes and labels lie on top.
    const chosenLast = (a, b) => (a.key === this.#selected) - (b.key === this.#selected);
    const faces = this.#people.toReversed().toSorted(chosenLast).map((person) => {
      const [left, top, right, bottom] = shown.get(person.key);
      const x = this.#mirror ? width - right * scaleX : left * scaleX;
      const box = { x, y: top * scaleY, width: (right - left) * scaleX, height: (bottom - top) * scaleY };
      return { person, box, paint: colourOf(person.emotion) };
    });
    for (const { person, box, paint } of faces) drawBox(context, box, paint, person.key === this.#selected);
    const labels = [];
    for (const { person, box, paint } of faces.toReversed()) {
      const places = this.#texts(person).flatMap((text) => placesOf(context, text, box, { width, height }));
      // A word that would hide another is left out: its face keeps its number.
      const place = places.find((one) => !labels.some((other) => areOverlapping(one, other))) ?? places.at(-1);
      if (place) labels.push({ ...place, paint });
    }
    for (const label of labels.toReversed()) drawLabel(context, label);
  }

  /** What may stand at a face, the best first. */
  #texts(person) {
    const number = this.#people.length > 1 || person.key ? String(person.key + 1) : "";
    const word = person.emotion ? `${person.emotion}  ${percent(person.confidence)}` : "";
    const hasWord = person.key === this.#selected || this.#people.length < CROWD;
    return [hasWord ? `${number}  ${word}`.trim() : "", number].filter(Boolean);
  }
}

function drawBox(context, box, paint, isSelected) {
  for (const [style, line] of [["#0009", isSelected ? 6 : 4], [paint, isSelected ? 3.5 : 2]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, 10);
    context.stroke();
  }
}

/** Where a label may stand, the best first: above the box, below it, and a number, or what has no room, inside it. */
function placesOf(context, text, box, stage) {
  context.font = font(LETTERS_PX, 600);
  const width = context.measureText(text).width + 16;
  const height = LETTERS_PX + 11;
  const x = Math.max(2, Math.min(box.x, stage.width - width - 2));
  const outside = [box.y - height - 5, box.y + box.height + 5];
  const heights = outside.filter((y) => y >= 1 && y + height <= stage.height - 1);
  if (!heights.length || Number(text)) heights.push(Math.max(2, box.y + 6));
  return heights.map((y) => ({ text, x, y, width, height }));
}

/** Whether two labels share a part of the picture. */
export function areOverlapping(one, other) {
  const isBeside = one.x + one.width <= other.x || other.x + other.width <= one.x;
  const isAbove = one.y + one.height <= other.y || other.y + other.height <= one.y;
  return !isBeside && !isAbove;
}

function drawLabel(context, { text, x, y, width, height, paint }) {
  context.font = font(LETTERS_PX, 600);
  context.fillStyle = paint;
  context.beginPath();
  context.roundRect(x, y, width, height, height / 2);
  context.fill();
  context.fillStyle = legibleOn(paint);
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillText(text, x + 8, y + height / 2 + 0.5);
}
