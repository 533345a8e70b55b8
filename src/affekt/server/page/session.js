/** The session's table: the result rows of the command line, one per face, or one saying why there is none. */

import { COLUMNS, EPISODE_COLUMNS, LABELS, SMOOTHED_COLUMNS } from "./labels.js"; // the service's own, from the card of its model

export class Session {
  #rows = [];

  get length() {
    return this.#rows.length;
  }

  clear() {
    this.#rows = [];
  }

  /**
   * Add the rows of a picture or frame.
   *
   * @param {string} input its name.
   * @param {import("./people.js").Person[]} people
   * @param {{frame: number, timeS: number, shot?: number} | null} when of a camera's or a film's frame.
   */
  add(input, people, when = null) {
    const place = { input, frame: when?.frame, time_s: when?.timeS, shot: when?.shot };
    if (!people.length) this.#rows.push({ ...place, status: "no_face" });
    people.forEach((person, face) => this.#rows.push({ ...place, ...rowOf(person, face) }));
  }

  /** Add the row of a picture that could not be read. */
  addUnreadable(input, reason) {
    this.#rows.push({ input, status: `unreadable: ${reason}` });
  }

  /** @returns {string} the table, its lines ending in a newline; what is unknown is empty. */
  csv() {
    const smoothed = this.#rows.some((row) => (row[`raw_p_${LABELS[0]}`] ?? row.raw_valence) !== undefined);
    const columns = smoothed ? SMOOTHED_COLUMNS : COLUMNS;
    return csvOf(columns, this.#rows);
  }
}

/**
 * @param {string} input the film's name.
 * @param {import("./affect/episodes.js").Episode[]} episodes
 * @returns {string} its episodes, with the columns of affekt summarize.
 */
export function episodesCsv(input, episodes) {
  const rows = episodes.map(({ track, label, startS, apexS, endS, mean, peak, meanPoint }) => ({
    input,
    person: String(track + 1),
    expression: label,
    start_s: startS,
    apex_s: apexS,
    end_s: endS,
    length_s: endS - startS,
    mean_probability: mean,
    peak_probability: peak,
    mean_valence: meanPoint[0],
    mean_arousal: meanPoint[1],
  }));
  return csvOf(EPISODE_COLUMNS, rows);
}

function csvOf(columns, rows) {
  const lines = rows.map((row) => columns.map((column) => cell(rounded(column, row[column]))).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}

function rowOf({ track, boxXyxy, score, emotion, confidence, probabilities, point, raw }, face) {
  const [left, top, right, bottom] = boxXyxy;
  const numbers = { face: face + 1, track: track === null ? null : track + 1 };
  const row = { ...numbers, x: left, y: top, width: right - left, height: bottom - top, face_score: score };
  Object.assign(row, { status: "ok", emotion, confidence });
  fill(row, "", probabilities, point);
  if (raw) fill(row, "raw_", raw.probabilities, raw.point);
  return row;
}

function fill(row, prefix, probabilities, point) {
  probabilities.forEach((value, i) => (row[`${prefix}p_${LABELS[i]}`] = value));
  ["valence", "arousal"].forEach((name, i) => (row[prefix + name] = point[i]));
}

/** A number as the service writes it: with six digits; a time to the microsecond. */
function rounded(column, value) {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(column === "time_s" ? value.toFixed(6) : value.toPrecision(6));
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
