/** Find faces with YuNet, the counterpart of detection.py. */

import { shrunk } from "./shrinking.js";

/** Pixels between the anchors of YuNet's three scales. */
const STRIDES = [8, 16, 32];
const SCORE_THRESHOLD = 0.7;
const OVERLAP_THRESHOLD = 0.3;

/**
 * Find the faces of a picture.
 *
 * @param {object} ort onnxruntime-web.
 * @param {object} session YuNet.
 * @param {import("./shrinking.js").Picture} picture
 * @param {number} longestSide larger pictures are shrunk to this many pixels before faces are looked for.
 * @returns {Promise<{boxXyxy: number[], score: number}[]>} in pixels of the picture, the surest first.
 */
export async function detect(ort, session, picture, longestSide) {
  const small = shrunk(picture, longestSide);
  const input = padded(small);
  const shape = [1, 3, input.height, input.width];
  const outputs = await session.run({ input: new ort.Tensor("float32", input.values, shape) });
  const found = STRIDES.flatMap((stride) => decoded(outputs, stride, input.width / stride));
  // Rounding to whole pixels stretches the two axes a little differently.
  const back = [picture.width / small.width, picture.height / small.height];
  return withoutOverlaps(found).map(({ boxXyxy, score }) => ({
    boxXyxy: boxXyxy.map((edge, i) => edge * back[i % 2]),
    score,
  }));
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
function decoded(outputs, stride, columns) {
  const [cls, obj, bbox] = ["cls", "obj", "bbox"].map((part) => outputs[`${part}_${stride}`].data);
  const faces = [];
  for (let anchor = 0; anchor < cls.length; anchor++) {
    const score = Math.sqrt(unit(cls[anchor]) * unit(obj[anchor]));
    if (score < SCORE_THRESHOLD) continue;
    const [x, y, logWidth, logHeight] = bbox.subarray(4 * anchor, 4 * anchor + 4);
    const centreX = ((anchor % columns) + x) * stride;
    const centreY = (Math.floor(anchor / columns) + y) * stride;
    const halfWidth = (Math.exp(logWidth) * stride) / 2;
    const halfHeight = (Math.exp(logHeight) * stride) / 2;
    faces.push({
      boxXyxy: [centreX - halfWidth, centreY - halfHeight, centreX + halfWidth, centreY + halfHeight],
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
