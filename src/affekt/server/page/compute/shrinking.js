/**
 * Shrink a picture before faces are looked for, as Pillow's reduce(blocks) and resize(size, BILINEAR) do: blocks are
 * averaged first, then a triangle filter in fixed point runs along rows and, rounded, along columns. The same to the
 * grey level; to one grey level where Pillow takes the columns of a tall picture first.
 */

import { roundHalfEven } from "./arithmetic.js";

const HALVED_FROM_STEP = 4;
const PRECISION_BITS = 22;

/**
 * @typedef {{pixels: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: number}} Picture
 * Rows from the top, channels red, green, blue and, of four, one that is ignored.
 */

/**
 * @param {Picture} picture with 4 channels.
 * @param {number} longestSide pixels of the longer side of what is returned; smaller pictures stay as they are.
 * @returns {Picture} of 4 channels too: it may be shrunk again.
 */
export function shrunk(picture, longestSide) {
  const scale = Math.min(1, longestSide / Math.max(picture.width, picture.height));
  if (scale === 1) return picture;
  const width = Math.max(1, roundHalfEven(picture.width * scale));
  const height = Math.max(1, roundHalfEven(picture.height * scale));
  const step = Math.trunc(1 / scale);
  // Even where Python may decode a JPEG at half its size, so that it finds faces at the same places.
  const blocks = step >= HALVED_FROM_STEP ? step - (step % 2) : step;
  const reduced = blocks > 1 ? blockMeans(picture, blocks) : picture;
  // The last block of a line may be a part of one: the extent stays the picture's, not that of whole blocks. Pillow
  // keeps it in 32 bits.
  const columns = tapsOf(reduced.width, Math.fround(picture.width / blocks), width);
  const rows = tapsOf(reduced.height, Math.fround(picture.height / blocks), height);
  return resampledDown(resampledAcross(reduced, columns), rows);
}

function blockMeans({ pixels, width, height }, blocks) {
  const outWidth = Math.ceil(width / blocks);
  const outHeight = Math.ceil(height / blocks);
  const out = new Uint8Array(outWidth * outHeight * 4);
  for (let y = 0, place = 0; y < outHeight; y++) {
    const stopY = Math.min((y + 1) * blocks, height);
    for (let x = 0; x < outWidth; x++, place += 4) {
      const stopX = Math.min((x + 1) * blocks, width);
      const count = (stopX - x * blocks) * (stopY - y * blocks);
      const reciprocal = Math.floor(2 ** 24 / count);
      let red = count >> 1;
      let green = red;
      let blue = red;
      for (let row = y * blocks; row < stopY; row++) {
        for (let at = (row * width + x * blocks) * 4, stop = (row * width + stopX) * 4; at < stop; at += 4) {
          red += pixels[at];
          green += pixels[at + 1];
          blue += pixels[at + 2];
        }
      }
      out[place] = (red * reciprocal) / 2 ** 24;
      out[place + 1] = (green * reciprocal) / 2 ** 24;
      out[place + 2] = (blue * reciprocal) / 2 ** 24;
    }
  }
  return { pixels: out, width: outWidth, height: outHeight };
}

let lastTaps = [];

/** Those of a camera's frames are the same from frame to frame. */
function tapsOf(length, extent, size) {
  const known = lastTaps.find((taps) => taps.length === length && taps.extent === extent && taps.size === size);
  const taps = known ?? fixedPointTaps(length, extent, size);
  lastTaps = [taps, ...lastTaps.filter((other) => other !== taps)].slice(0, 2);
  return taps;
}

/**
 * For each output point, its first pixel, where its whole-number weights begin in `weights`, and, at the next place,
 * where they end; the filter is cut off at the line's ends.
 */
function fixedPointTaps(length, extent, size) {
  const step = extent / size;
  const support = Math.max(step, 1);
  const firsts = new Int32Array(size);
  const begins = new Int32Array(size + 1);
  const all = [];
  for (let point = 0; point < size; point++) {
    const centre = (point + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const stop = Math.min(length, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let tap = first; tap < stop; tap++) weights.push(Math.max(0, 1 - Math.abs(tap - centre + 0.5) / support));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    all.push(...weights.map((weight) => Math.trunc(0.5 + (weight / total) * 2 ** PRECISION_BITS)));
    firsts[point] = first;
    begins[point + 1] = all.length;
  }
  return { length, extent, size, firsts, begins, weights: Int32Array.from(all) };
}

const HALF = 1 << (PRECISION_BITS - 1);

// The sums below fit 32 bits; Math.imul keeps them whole numbers, and a pixel read as one word is read faster.

function resampledAcross({ pixels, width, height }, { size, firsts, begins, weights }) {
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, width * height);
  const out = new Uint8ClampedArray(size * height * 3);
  for (let y = 0, place = 0; y < height; y++) {
    for (let point = 0; point < size; point++, place += 3) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let at = y * width + firsts[point];
      for (let tap = begins[point]; tap < begins[point + 1]; tap++, at++) {
        const weight = weights[tap];
        const pixel = words[at];
        red += Math.imul(pixel & 255, weight);
        green += Math.imul((pixel >> 8) & 255, weight);
        blue += Math.imul((pixel >> 16) & 255, weight);
      }
      out[place] = red >> PRECISION_BITS;
      out[place + 1] = green >> PRECISION_BITS;
      out[place + 2] = blue >> PRECISION_BITS;
    }
  }
  return { pixels: out, width: size, height, channels: 3 };
}

function resampledDown({ pixels, width }, { size, firsts, begins, weights }) {
  const line = width * 3;
  const out = new Uint8ClampedArray(size * width * 4);
  const sums = new Int32Array(line);
  for (let y = 0; y < size; y++) {
    sums.fill(HALF);
    let at = firsts[y] * line;
    for (let tap = begins[y]; tap < begins[y + 1]; tap++) {
      const weight = weights[tap];
      for (let x = 0; x < line; x++, at++) sums[x] += Math.imul(pixels[at], weight);
    }
    for (let x = 0, place = y * width * 4; x < line; place += 4) {
      out[place] = sums[x++] >> PRECISION_BITS;
      out[place + 1] = sums[x++] >> PRECISION_BITS;
      out[place + 2] = sums[x++] >> PRECISION_BITS;
    }
  }
  return { pixels: out, width, height: size, channels: 4 };
}
