/** Faces become people: numbered, smoothed, and kept for half a minute while the camera runs. */

import { Smoother } from "./affect/smoothing.js";
import { FaceTracker } from "./affect/tracking.js";
import { LABELS } from "./labels.js";

const SMOOTH_S = 0.5;
/** How long what was seen of a person is kept for the charts. */
export const PAST_S = 30;

/**
 * @typedef {object} Person
 * @property {number} key the track's number, or the face's place in a picture.
 * @property {number | null} track
 * @property {number[]} boxXyxy in pixels of the picture.
 * @property {number} score of the detector, 0-1.
 * @property {number[]} probabilities in the order of LABELS, or none; smoothed along a track.
 * @property {number[]} point valence and arousal, or none; smoothed along a track.
 * @property {{probabilities: number[], point: number[]} | null} raw what the network said of this frame alone.
 * @property {string | null} emotion the likeliest expression.
 * @property {number | null} confidence its probability.
 */

/** The people of a still picture. */
export function peopleOf(faces) {
  return faces.map((face, key) => ({ ...face, key, track: null, raw: null, ...likeliest(face.probabilities) }));
}

/** The people before a camera, from frame to frame. */
export class Following {
  #tracker = new FaceTracker();
  #smoother = new Smoother(SMOOTH_S);
  #pasts = new Map();

  /**
   * @param {object[]} faces of the next frame.
   * @param {number} timeS when it was taken.
   * @returns {Person[]}
   */
  update(faces, timeS) {
    const numbers = this.#tracker.update(faces.map(({ boxXyxy }) => boxXyxy), timeS);
    const people = faces.map((face, place) => this.#person(face, numbers[place], timeS));
    for (const [track, past] of this.#pasts) {
      while (past.length && timeS - past[0].timeS > PAST_S) past.shift();
      if (!past.length) this.#pasts.delete(track);
    }
    return people;
  }

  /** What was seen of a person in the last half minute, the oldest first. */
  past(track) {
    return this.#pasts.get(track) ?? [];
  }

  #person(face, track, timeS) {
    const raw = { probabilities: face.probabilities, point: face.point };
    const smooth = this.#smoother.update(track, timeS, face.probabilities, face.point);
    if (!this.#pasts.has(track)) this.#pasts.set(track, []);
    this.#pasts.get(track).push({ timeS, ...smooth });
    return { ...face, key: track, track, raw, ...smooth, ...likeliest(smooth.probabilities) };
  }
}

function likeliest(probabilities) {
  if (!probabilities.length) return { emotion: null, confidence: null };
  const confidence = Math.max(...probabilities);
  return { emotion: LABELS[probabilities.indexOf(confidence)], confidence };
}
