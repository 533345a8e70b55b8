/**
 * One person over time, in the last half minute or in a film: bands as high as the probabilities, and valence and arousal
 * below them.
 */

import { AROUSAL, colourOf, VALENCE } from "../affect/colours.js";
import { LABELS } from "../labels.js";
import { PAST_S } from "../people.js";
import { cleared, colour, font, onPaper } from "./surface.js";

const LEFT = 34;
const RIGHT = 6;
const AXIS = 20;
const GAP = 12;
/** The chart is drawn in pieces where the face was not seen for longer. */
const LONGEST_GAP_S = 1;
/** Seconds between the numbers below, the first that leaves them so many pixels. */
const TICKS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const LEAST_TICK_PX = 85;

export class Timeline {
  #canvas = document.getElementById("timeline");
  #card = document.getElementById("past");
  #title = document.getElementById("timeline-title");

  /** A picture has no past, and no place for one. */
  set isShown(isShown) {
    this.#card.hidden = !isShown;
  }

  set title(title) {
    this.#title.textContent = title;
  }

  /** @returns {Promise<Blob>} what is drawn as a PNG, with the title and the colours' names. */
  picture() {
    const paints = [...LABELS.map((label) => [label, colourOf(label)]), ["valence", VALENCE], ["arousal", AROUSAL]];
    return onPaper(this.#canvas, this.#title.textContent, paints);
  }

  /**
   * @param {{timeS: number, probabilities: number[], point: number[]}[]} past the oldest first.
   * @param {number} nowS the right edge; in a film where it is.
   * @param {number | undefined} filmS length of the film; undefined for the camera.
   */
  show(past, nowS, filmS) {
    const { context, width, height } = cleared(this.#canvas);
    if (!width) return;
    const rest = height - AXIS - GAP;
    const bands = { top: 0, height: rest * 0.6 };
    const lines = { top: bands.height + GAP, height: rest * 0.4 };
    const endS = filmS ?? Math.max(nowS, PAST_S);
    const spanS = Math.max(filmS ?? PAST_S, 1e-3);
    const x = (timeS) => LEFT + (1 - (endS - timeS) / spanS) * (width - LEFT - RIGHT);
    drawRules(context, { bands, lines, width, height, x, startS: endS - spanS, endS });
    if (!past.length && filmS === undefined) drawHint(context, width, bands);
    for (const piece of pieces(past).map((moments) => thinned(moments, x))) {
      if (piece[0].probabilities.length) drawBands(context, piece, bands, x);
      if (piece[0].point.length) drawLines(context, piece, lines, x);
    }
    if (filmS !== undefined) drawCursor(context, x(nowS), height - AXIS);
    const sinceS = Math.round((filmS === undefined ? nowS : (past.at(-1)?.timeS ?? 0)) - (past[0]?.timeS ?? 0));
    const seen = past.length ? `a face seen for ${sinceS} seconds` : "nothing yet";
    this.#canvas.setAttribute("aria-label", `Timeline: ${seen}; save the csv for its numbers`);
  }
}

function pieces(past) {
  const found = [];
  let last = -Infinity;
  for (const moment of past) {
    if (moment.timeS - last > LONGEST_GAP_S) found.push([]);
    found.at(-1).push(moment);
    last = moment.timeS;
  }
  return found.filter((piece) => piece.length > 1);
}

/** Means of what falls on one pixel, so that a long film draws no more than there are pixels. */
function thinned(piece, x) {
  const pixels = new Map();
  for (const moment of piece) {
    const pixel = Math.floor(x(moment.timeS));
    pixels.set(pixel, [...(pixels.get(pixel) ?? []), moment]);
  }
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...pixels.values()].map((moments) => ({
    timeS: mean(moments.map(({ timeS }) => timeS)),
    probabilities: moments[0].probabilities.map((_, i) => mean(moments.map(({ probabilities }) => probabilities[i]))),
    point: moments[0].point.map((_, i) => mean(moments.map(({ point }) => point[i]))),
  }));
}

function drawRules(context, { bands, lines, width, height, x, startS, endS }) {
  context.fillStyle = colour("tint");
  for (const { top, height: high } of [bands, lines]) context.fillRect(LEFT, top, width - LEFT - RIGHT, high);
  context.strokeStyle = colour("faint");
  context.lineWidth = 1;
  context.beginPath();
  const zero = Math.round(lines.top + lines.height / 2) + 0.5;
  context.moveTo(LEFT, zero);
  context.lineTo(width - RIGHT, zero);
  context.stroke();
  context.fillStyle = colour("soft");
  context.font = font(11);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [text, y] of [
    ["100", bands.top + 6],
    ["0 %", bands.top + bands.height - 6],
    ["+1", lines.top + 5],
    ["−1", lines.top + lines.height - 5],
  ]) {
    context.fillText(text, LEFT - 6, y);
  }
  context.textAlign = "center";
  const everyS = TICKS_S.find((tickS) => x(startS + tickS) - x(startS) >= LEAST_TICK_PX) ?? TICKS_S.at(-1);
  for (let tick = Math.ceil(startS / everyS); tick * everyS <= endS; tick++) {
    const at = Math.min(Math.max(x(tick * everyS), LEFT + 10), width - RIGHT - 12);
    context.fillText(clock(tick * everyS, everyS), at, height - 7);
  }
}

function drawHint(context, width, { top, height }) {
  context.fillStyle = colour("soft");
  context.font = font(13);
  context.textAlign = "center";
  context.fillText("The camera fills this", (LEFT + width - RIGHT) / 2, top + height / 2);
}

function clock(timeS, everyS) {
  if (everyS < 1) return `${timeS.toFixed(1)} s`;
  return `${Math.floor(timeS / 60)}:${String(Math.round(timeS) % 60).padStart(2, "0")}`;
}

function drawCursor(context, at, height) {
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(at, 0);
  context.lineTo(at, height);
  context.stroke();
}

/** Each expression lies on those before it, so that together they fill the height. */
function drawBands(context, piece, { top, height }, x) {
  const below = piece.map(() => top + height);
  LABELS.forEach((label, i) => {
    const above = piece.map((moment, at) => below[at] - moment.probabilities[i] * height);
    context.fillStyle = colourOf(label);
    context.beginPath();
    piece.forEach((moment, at) => context.lineTo(x(moment.timeS), above[at]));
    for (let at = piece.length - 1; at >= 0; at--) context.lineTo(x(piece[at].timeS), below[at] + 0.4);
    context.fill();
    above.forEach((edge, at) => (below[at] = edge));
  });
}

function drawLines(context, piece, { top, height }, x) {
  context.lineWidth = 2;
  context.lineJoin = "round";
  [VALENCE, AROUSAL].forEach((paint, i) => {
    context.strokeStyle = paint;
    context.beginPath();
    for (const { timeS, point } of piece) context.lineTo(x(timeS), top + ((1 - point[i]) / 2) * height);
    context.stroke();
  });
}
