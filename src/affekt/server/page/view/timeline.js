/** The last half minute of one person: bands as high as the probabilities, and valence and arousal below them. */

import { AROUSAL, colourOf, VALENCE } from "../affect/colours.js";
import { LABELS } from "../labels.js";
import { PAST_S } from "../people.js";
import { cleared, colour, font } from "./surface.js";

const LEFT = 34;
const RIGHT = 6;
const AXIS = 20;
const GAP = 12;
/** The chart is drawn in pieces where the face was not seen for longer. */
const LONGEST_GAP_S = 1;
/** Seconds between the numbers below, and where the page is too narrow for so many. */
const TICK_S = 5;
const NARROW_TICK_S = 10;
const NARROW_PX = 400;

export class Timeline {
  #canvas = document.getElementById("timeline");

  /**
   * @param {{timeS: number, probabilities: number[], point: number[]}[]} past the oldest first.
   * @param {number} nowS the right edge.
   */
  show(past, nowS) {
    const { context, width, height } = cleared(this.#canvas);
    const rest = height - AXIS - GAP;
    const bands = { top: 0, height: rest * 0.6 };
    const lines = { top: bands.height + GAP, height: rest * 0.4 };
    const endS = Math.max(nowS, PAST_S);
    const x = (timeS) => LEFT + (1 - (endS - timeS) / PAST_S) * (width - LEFT - RIGHT);
    drawRules(context, { bands, lines, width, height, x, endS });
    if (!past.length) drawHint(context, width, bands);
    for (const piece of pieces(past)) {
      if (piece[0].probabilities.length) drawBands(context, piece, bands, x);
      if (piece[0].point.length) drawLines(context, piece, lines, x);
    }
    const seen = past.length ? `a face seen for ${Math.round(nowS - past[0].timeS)} seconds` : "nothing yet";
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

function drawRules(context, { bands, lines, width, height, x, endS }) {
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
  const everyS = width < NARROW_PX ? NARROW_TICK_S : TICK_S;
  for (let tickS = Math.ceil((endS - PAST_S) / everyS) * everyS; tickS <= endS; tickS += everyS) {
    const at = Math.min(Math.max(x(tickS), LEFT + 10), width - RIGHT - 12);
    context.fillText(clock(tickS), at, height - 7);
  }
}

function drawHint(context, width, { top, height }) {
  context.fillStyle = colour("soft");
  context.font = font(13);
  context.textAlign = "center";
  context.fillText("The camera fills this", (LEFT + width - RIGHT) / 2, top + height / 2);
}

const clock = (timeS) => `${Math.floor(timeS / 60)}:${String(Math.round(timeS) % 60).padStart(2, "0")}`;

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
