/** Valence to the right, arousal upwards (Russell 1980): where the face is, and the way it came. */

import { colourOf } from "../affect/colours.js";
import { cleared, colour, font, isCalm } from "./surface.js";
import { signed } from "./words.js";

/** How far back the trace goes. */
const TRACE_S = 8;
/** Room for the words at the left and right. */
const WORDS_PX = 76;

export class Circumplex {
  #canvas = document.getElementById("circumplex");
  #words = document.getElementById("point");

  /** What the valence-arousal head was taught, as the card says; empty where it is of no note. */
  origin = "";

  /**
   * @param {import("../people.js").Person | undefined} person
   * @param {{timeS: number, point: number[]}[]} past of that person, the oldest first.
   */
  show(person, past) {
    const { context, width, height } = cleared(this.#canvas);
    if (!width) return;
    const plot = { context, x: width / 2, y: height / 2, radius: Math.min(width / 2 - WORDS_PX, height / 2 - 22) };
    drawAxes(plot);
    if (person?.point.length) {
      if (!isCalm()) drawTrace(plot, past, person);
      drawPoint(plot, person);
    }
    this.#say(person);
  }

  #say(person) {
    const point = person?.point ?? [];
    const words = point.length ? `valence ${signed(point[0])}, arousal ${signed(point[1])}` : "";
    const missing = person ? "This model gives no valence and arousal." : "Valence and arousal";
    this.#words.textContent = words ? words + (this.origin && ` · ${this.origin}`) : missing;
    this.#canvas.setAttribute("aria-label", `Circumplex: ${words || "nothing yet"}`);
  }
}

/** A point in a corner of the square lies outside the circle: it is drawn at its edge, in its own direction. */
function place({ x, y, radius }, [valence, arousal]) {
  const reach = radius / Math.max(1, Math.hypot(valence, arousal));
  return [x + valence * reach, y - arousal * reach];
}

function drawAxes({ context, x, y, radius }) {
  context.fillStyle = colour("tint");
  context.strokeStyle = colour("faint");
  context.lineWidth = 1;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.beginPath();
  context.arc(x, y, radius / 2, 0, 2 * Math.PI);
  context.moveTo(x - radius, y);
  context.lineTo(x + radius, y);
  context.moveTo(x, y - radius);
  context.lineTo(x, y + radius);
  context.setLineDash([2, 4]);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colour("soft");
  context.font = font(11);
  context.textBaseline = "middle";
  for (const [text, atX, atY, align] of [
    ["pleasant", x + radius + 8, y, "left"],
    ["unpleasant", x - radius - 8, y, "right"],
    ["aroused", x, y - radius - 11, "center"],
    ["calm", x, y + radius + 11, "center"],
  ]) {
    context.textAlign = align;
    context.fillText(text, atX, atY);
  }
}

function drawTrace(plot, past, person) {
  const { context } = plot;
  const newestS = past.at(-1)?.timeS ?? 0;
  const recent = past.filter(({ timeS }) => newestS - timeS <= TRACE_S);
  context.strokeStyle = colourOf(person.emotion);
  context.lineCap = "round";
  context.lineWidth = 2.5;
  for (let i = 1; i < recent.length; i++) {
    context.globalAlpha = 0.75 * (1 - (newestS - recent[i].timeS) / TRACE_S);
    context.beginPath();
    context.moveTo(...place(plot, recent[i - 1].point));
    context.lineTo(...place(plot, recent[i].point));
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawPoint(plot, person) {
  const { context } = plot;
  context.fillStyle = colourOf(person.emotion);
  context.strokeStyle = colour("paper");
  context.lineWidth = 2.5;
  context.beginPath();
  context.arc(...place(plot, person.point), 7.5, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}
