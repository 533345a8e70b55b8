/** The one preprocessing, the counterpart of preprocessing.py: a picture and a face box in, a network's input out. */

import { roundHalfEven } from "./arithmetic.js";

/** ITU-R BT.601 weights of red, green and blue in grey, in single precision as in Python. */
const LUMA = [0.299, 0.587, 0.114].map(Math.fround);

/**
 * Cut the square around a face and resize it to the network's input size; beyond the picture its edge is repeated.
 * Where the network wants level faces, the square is turned by the face's tilt.
 *
 * @param {import("./shrinking.js").Picture} picture
 * @param {{input_size: number, channels: number, crop_margin: number, alignment: string}} preprocessing as in the card.
 * @param {{boxXyxy: number[], landmarksXy: number[][]}} face left, top, right, bottom in pixels, and the detector's five
 * landmarks.
 * @returns {Uint8Array} (input_size, input_size, channels).
 */
export function cropFace(picture, preprocessing, { boxXyxy, landmarksXy }) {
  const square = squareAround(boxXyxy, preprocessing.crop_margin);
  const tilt = preprocessing.alignment === "level" ? tiltOf(landmarksXy) : 0;
  const { input_size: size, channels } = preprocessing;
  const values = tilt ? turned(picture, square, tilt, size, channels) : resized(picture, square, size, channels);
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, roundHalfEven(value))));
}

/** By how many radians a face is turned in the picture, clockwise as seen: see `tilt_of` in Python. */
export function tiltOf([rightEye, leftEye, , mouthRight, mouthLeft]) {
  const across = [0, 1].map((axis) => leftEye[axis] - rightEye[axis] + mouthLeft[axis] - mouthRight[axis]);
  const down = [0, 1].map((axis) => mouthLeft[axis] + mouthRight[axis] - leftEye[axis] - rightEye[axis]);
  return Math.atan2(across[1] - down[0], across[0] + down[1]);
}

/**
 * Cut out a square that is turned about its centre: the upright one around it is resized first, to pixels of 1/sqrt(2)
 * of the crop's, and the crop is read from there by linear interpolation.
 */
function turned(picture, square, tilt, size, channels) {
  const cosine = Math.cos(tilt);
  const sine = Math.sin(tilt);
  const reach = Math.abs(cosine) + Math.abs(sine);
  const wide = Math.ceil(Math.SQRT2 * reach * size);
  const pixels = resized(picture, squareAround(square, reach - 1), wide, channels);
  const steps = Array.from({ length: size }, (_, point) => (((point + 0.5) / size - 0.5) * wide) / reach);
  const out = new Float64Array(size * size * channels);
  let place = 0;
  for (const down of steps) {
    for (const across of steps) {
      const x = (wide - 1) / 2 + across * cosine - down * sine;
      const y = (wide - 1) / 2 + across * sine + down * cosine;
      const [column, row] = [Math.trunc(x), Math.trunc(y)];
      const [rightShare, lowerShare] = [x - column, y - row];
      for (let channel = 0; channel < channels; channel++) {
        const at = (row * wide + column) * channels + channel;
        const below = at + wide * channels;
        const upper = pixels[at] * (1 - rightShare) + pixels[at + channels] * rightShare;
        const lower = pixels[below] * (1 - rightShare) + pixels[below + channels] * rightShare;
        out[place++] = upper * (1 - lowerShare) + lower * lowerShare;
      }
    }
  }
  return out;
}

/** A part of the picture, resized to (size, size, channels), not rounded. */
function resized(picture, [left, top, right, bottom], size, channels) {
  const columns = triangleTaps(picture.width, left, right, size);
  const rows = triangleTaps(picture.height, top, bottom, size);
  return resampledDown(resampledAcross(touched(picture, columns, rows, channels), columns), rows);
}

/** The square around a box, its side (1 + margin) times the box's longer side. */
export function squareAround([left, top, right, bottom], margin) {
  const half = (Math.max(right - left, bottom - top) * (1 + margin)) / 2;
  const centreX = (left + right) / 2;
  const centreY = (top + bottom) / 2;
  return [centreX - half, centreY - half, centreX + half, centreY + half];
}

/**
 * Weights that resample `size` points between `start` and `stop` from a line of `length` pixels: a triangle whose
 * half-width is the larger of one pixel and one step; pixels beyond the line repeat its ends.
 */
function triangleTaps(length, start, stop, size) {
  const step = (stop - start) / size;
  const support = Math.max(step, 1);
  const clamped = (tap) => Math.min(Math.max(tap, 0), length - 1);
  return Array.from({ length: size }, (_, point) => {
    const centre = start + (point + 0.5) * step;
    const from = Math.floor(centre - support);
    const count = Math.ceil(2 * support) + 1;
    const first = clamped(from);
    const weights = new Float64Array(clamped(from + count - 1) - first + 1);
    let total = 0;
    for (let tap = from; tap < from + count; tap++) {
      const weight = Math.max(0, 1 - Math.abs(tap + 0.5 - centre) / support);
      weights[clamped(tap) - first] += weight;
      total += weight;
    }
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/** The part of the picture that the weights reach, in the network's channels: a large picture must not cost more. */
function touched({ pixels, width, channels }, columns, rows, wantedChannels) {
  const left = columns[0].first;
  const right = columns.at(-1).first + columns.at(-1).weights.length;
  const top = rows[0].first;
  const bottom = rows.at(-1).first + rows.at(-1).weights.length;
  const out = new Uint8Array((right - left) * (bottom - top) * wantedChannels);
  for (let y = top, place = 0; y < bottom; y++) {
    for (let x = left, at = (y * width + left) * channels; x < right; x++, at += channels) {
      if (wantedChannels === 1) {
        out[place++] = roundHalfEven(LUMA[0] * pixels[at] + LUMA[1] * pixels[at + 1] + LUMA[2] * pixels[at + 2]);
      } else {
        out[place++] = pixels[at];
        out[place++] = pixels[at + 1];
        out[place++] = pixels[at + 2];
      }
    }
  }
  return { pixels: out, width: right - left, height: bottom - top, channels: wantedChannels, left, top };
}

function resampledAcross({ pixels, width, height, channels, left, top }, columns) {
  const line = columns.length * channels;
  const out = new Float64Array(height * line);
  for (let y = 0, place = 0; y < height; y++) {
    for (const { first, weights } of columns) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        for (let tap = 0, at = (y * width + first - left) * channels + channel; tap < weights.length; tap++) {
          sum += pixels[at] * weights[tap];
          at += channels;
        }
        out[place++] = sum;
      }
    }
  }
  return { values: out, line, top };
}

function resampledDown({ values, line, top }, rows) {
  const out = new Float64Array(rows.length * line);
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < line; x++) {
      let sum = 0;
      for (let tap = 0, at = (first - top) * line + x; tap < weights.length; tap++, at += line) {
        sum += values[at] * weights[tap];
      }
      out[y * line + x] = sum;
    }
  });
  return out;
}

/**
 * Scale pixels to 0-1 once, subtract the mean and divide by the std.
 *
 * @param {Uint8Array[]} crops as cropFace gives them.
 * @param {{input_size: number, channels: number, mean: number[], std: number[]}} preprocessing
 * @returns {Float32Array} (faces, channels, input_size, input_size).
 */
export function normalise(crops, { input_size: size, channels, mean, std }) {
  const plane = size * size;
  const out = new Float32Array(crops.length * channels * plane);
  crops.forEach((crop, face) => {
    for (let channel = 0; channel < channels; channel++) {
      const centre = Math.fround(mean[channel]) * 255;
      const spread = Math.fround(std[channel]) * 255;
      const place = (face * channels + channel) * plane;
      for (let i = 0; i < plane; i++) out[place + i] = (crop[i * channels + channel] - centre) / spread;
    }
  });
  return out;
}
