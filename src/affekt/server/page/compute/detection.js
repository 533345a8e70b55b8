/** Find faces with YuNet, the counterpart of detection.py. */

import { tiltOf } from "./preprocessing.js";
import { shrunk } from "./shrinking.js";
import { inPicture, seen, wholeView } from "./views.js";

/** Pixels between the anchors of YuNet's three scales. */
const STRIDES = [8, 16, 32];
const SCORE_THRESHOLD = 0.7;
const OVERLAP_THRESHOLD = 0.3;

/** See detection.py for what these mean, and why they are so. */
const SECOND_THRESHOLD = 0.8;
const SURELY_UPRIGHT = 0.925;
const LEAST_TILT = (12 * Math.PI) / 180;
const LEAST_SIDE = 24;
const VIEW_PIXELS = 80;
const [NARROW_SIDES, WIDE_SIDES] = [1.2, 1.8];
const CLOSE_THRESHOLD = 0.5;
const EIGHTHS = Array.from({ length: 8 }, (_, eighths) => (eighths * Math.PI) / 4);
const NEARBY = [-20, 0, 20].map((degrees) => (degrees * Math.PI) / 180);

/**
 * @typedef {{boxXyxy: number[], landmarksXy: number[][], score: number}} Face
 * In pixels; landmarks are eyes, nose and corners of the mouth, the person's right before the left.
 */

/** YuNet: finds the faces of pictures. */
export class FaceDetector {
  #ort;
  #session;

  /**
   * @param {object} ort onnxruntime-web.
   * @param {object} session YuNet.
   */
  constructor(ort, session) {
    this.#ort = ort;
    this.#session = session;
  }

  /**
   * Find the faces of a picture; where there are none, look again at half the size and turned, if that is wanted; look
   * closely at those that may be turned.
   *
   * @param {import("./shrinking.js").Picture} picture
   * @param {number} longestSide larger pictures are shrunk to this many pixels before faces are looked for.
   * @param {boolean} looksAgain
   * @returns {Promise<Face[]>} the surest first.
   */
  async detect(picture, longestSide, looksAgain = true) {
    const small = shrunk(picture, longestSide);
    let faces = await this.#look(small, SCORE_THRESHOLD);
    if (!faces.length && looksAgain) faces = await this.#secondLook(small);
    if (faces.some(mayBeTurned)) {
      const close = [];
      for (const face of faces) close.push(mayBeTurned(face) ? await this.#seenClosely(small, face) : face);
      faces = withoutOverlaps(close);
    }
    return faces.map((face) => stretched(face, small, picture));
  }

  async #look(picture, threshold) {
    const input = padded(picture);
    const shape = [1, 3, input.height, input.width];
    const outputs = await this.#session.run({ input: new this.#ort.Tensor("float32", input.values, shape) });
    return withoutOverlaps(STRIDES.flatMap((stride) => decoded(outputs, stride, input.width / stride, threshold)));
  }

  async #secondLook(picture) {
    const half = shrunk(picture, Math.max(picture.width, picture.height) * 0.5);
    const found = [];
    for (const eighths of EIGHTHS.keys()) {
      const view = wholeView(half, eighths);
      const faces = await this.#look(seen(half, [view]), Math.max(SCORE_THRESHOLD, SECOND_THRESHOLD));
      found.push(...faces.map((face) => faceInPicture(face, view)));
    }
    return withoutOverlaps(found).map((face) => stretched(face, half, picture));
  }

  async #seenClosely(picture, face) {
    const turned = await this.#surestOfViews(picture, face, EIGHTHS, NARROW_SIDES);
    if (!turned || Math.abs(tiltOf(turned.landmarksXy)) <= LEAST_TILT) return face;
    return (await this.#surestOfViews(picture, turned, NEARBY, WIDE_SIDES)) ?? turned;
  }

  async #surestOfViews(picture, face, turns, sides) {
    const [left, top, right, bottom] = face.boxXyxy;
    const side = Math.max(right - left, bottom - top);
    const pixels = Math.min(VIEW_PIXELS, Math.ceil(sides * side));
    const small = shrunk(picture, Math.max(picture.width, picture.height) * (pixels / (sides * side)));
    const by = [small.width / picture.width, small.height / picture.height];
    const centreXy = [((left + right) / 2) * by[0], ((top + bottom) / 2) * by[1]];
    const step = (sides * side * ((by[0] + by[1]) / 2)) / pixels;
    const tilt = tiltOf(face.landmarksXy);
    const views = turns.map((turn) => ({ centreXy, tilt: tilt + turn, step, width: pixels, height: pixels }));
    for (const found of await this.#look(seen(small, views), CLOSE_THRESHOLD)) {
      const [x, y] = [(found.boxXyxy[0] + found.boxXyxy[2]) / 2, (found.boxXyxy[1] + found.boxXyxy[3]) / 2];
      const number = Math.min(Math.floor(x / pixels), views.length - 1);
      if (Math.hypot(x - (number + 0.5) * pixels, y - pixels / 2) > pixels / 4) continue;
      const alone = {
        ...found,
        boxXyxy: found.boxXyxy.map((edge, i) => edge - (i % 2 ? 0 : number * pixels)),
        landmarksXy: found.landmarksXy.map(([u, v]) => [u - number * pixels, v]),
      };
      return stretched(faceInPicture(alone, views[number]), small, picture);
    }
    return null;
  }
}

/** A face of a resized picture, in pixels of the other one. Rounding to whole pixels stretches the axes differently. */
function stretched({ boxXyxy, landmarksXy, score }, from, to) {
  const by = [to.width / from.width, to.height / from.height];
  return {
    boxXyxy: boxXyxy.map((edge, i) => edge * by[i % 2]),
    landmarksXy: landmarksXy.map(([x, y]) => [x * by[0], y * by[1]]),
    score,
  };
}

function mayBeTurned({ boxXyxy: [left, top, right, bottom], landmarksXy, score }) {
  const isLarge = Math.max(right - left, bottom - top) >= LEAST_SIDE;
  return isLarge && (score < SURELY_UPRIGHT || Math.abs(tiltOf(landmarksXy)) > LEAST_TILT);
}

/** A face of a view in pixels of the picture; its box stays upright there, and keeps its sides. */
function faceInPicture({ boxXyxy: [left, top, right, bottom], landmarksXy, score }, view) {
  let sides = [(right - left) * view.step, (bottom - top) * view.step];
  if (Math.floor(view.tilt / (Math.PI / 2) + 0.5) % 2) sides = sides.reverse();
  const [x, y] = inPicture(view, [(left + right) / 2, (top + bottom) / 2]);
  return {
    boxXyxy: [x - sides[0] / 2, y - sides[1] / 2, x + sides[0] / 2, y + sides[1] / 2],
    landmarksXy: landmarksXy.map((point) => inPicture(view, point)),
    score,
  };
}

/** Planes of blue, green and red in 0-255, which YuNet was trained on, with zeros up to whole strides. */
function padded({ pixels, width, height, channels }) {
  const largest = Math.max(...STRIDES);
  const paddedWidth = Math.ceil(width / largest) * largest;
  const paddedHeight = Math.ceil(height / largest) * largest;
  const plane = paddedWidth * paddedHeight;
  const values = new Float32Array(3 * plane);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0, place = y * paddedWidth; x < width; x++, at += channels, place++) {
      values[place] = pixels[at + 2];
      values[plane + place] = pixels[at + 1];
      values[2 * plane + place] = pixels[at];
    }
  }
  return { values, width: paddedWidth, height: paddedHeight };
}

const unit = (value) => Math.min(1, Math.max(0, value));

/** Turn the answers of one scale into faces: offsets and logarithms in strides from anchors, row by row. */
function decoded(outputs, stride, columns, threshold) {
  const [cls, obj, bbox, kps] = ["cls", "obj", "bbox", "kps"].map((part) => outputs[`${part}_${stride}`].data);
  const faces = [];
  for (let anchor = 0; anchor < cls.length; anchor++) {
    const score = Math.sqrt(unit(cls[anchor]) * unit(obj[anchor]));
    if (score < threshold) continue;
    const [x, y, logWidth, logHeight] = bbox.subarray(4 * anchor, 4 * anchor + 4);
    const [column, row] = [anchor % columns, Math.floor(anchor / columns)];
    const centreX = (column + x) * stride;
    const centreY = (row + y) * stride;
    const halfWidth = (Math.exp(logWidth) * stride) / 2;
    const halfHeight = (Math.exp(logHeight) * stride) / 2;
    faces.push({
      boxXyxy: [centreX - halfWidth, centreY - halfHeight, centreX + halfWidth, centreY + halfHeight],
      landmarksXy: [0, 2, 4, 6, 8].map((i) => [
        (column + kps[10 * anchor + i]) * stride,
        (row + kps[10 * anchor + i + 1]) * stride,
      ]),
      score,
    });
  }
  return faces;
}

/** Choose boxes greedily from the surest on, leaving out those that overlap a chosen one too much. */
export function withoutOverlaps(faces) {
  const chosen = [];
  for (const face of [...faces].sort((one, other) => other.score - one.score)) {
    if (chosen.every((other) => overlap(face.boxXyxy, other.boxXyxy) <= OVERLAP_THRESHOLD)) chosen.push(face);
  }
  return chosen;
}

function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const shared = Math.max(width, 0) * Math.max(height, 0);
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  return shared / (area(one) + area(other) - shared);
}
