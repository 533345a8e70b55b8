/** Faces become people: numbered, smoothed, and kept: of a film all, of the camera the last half minute. */

import { findEpisodes } from "./affect/episodes.js";
import { ShotCounter } from "./affect/shots.js";
import { medians, Smoother } from "./affect/smoothing.js";
import { FaceTracker } from "./affect/tracking.js";
import { LABELS } from "./labels.js";

const SMOOTH_S = 0.5;
/** Times that differ by less are the same. */
const SHORTEST_S = 1e-3;
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

/** The people of a film, from frame to frame, and all that was seen of them once it was read. */
export class Watched {
  #tracker = new FaceTracker();
  #shots = new ShotCounter();
  #pasts = new Map();

  /** Its frames in their order: `timeS`, `frame`, `atS`, `shot`, and the people. */
  frames = [];
  /** @type {import("./affect/episodes.js").Episode[]} once it was read. */
  episodes = [];

  /**
   * @param {object[]} faces of the next frame.
   * @param {{small: ArrayLike<number>, timeS: number, frame: number | null, atS: number}} when it is shown, and more of
   * what `Film.frames` gives.
   * @returns {Person[]} their scores are those of the frame alone until `finish`.
   */
  update(faces, { small, ...when }) {
    const numbers = this.#tracker.update(faces.map(({ boxXyxy }) => boxXyxy), when.timeS);
    const people = faces.map((face, place) => ({
      ...face,
      key: numbers[place],
      track: numbers[place],
      raw: null,
      ...likeliest(face.probabilities),
    }));
    this.#shots.add(small, when.timeS);
    this.frames.push({ ...when, people });
    this.#keep(this.frames.at(-1));
    return people;
  }

  /** Once all frames are there: number people anew in each shot, smooth their scores, and find the episodes. */
  finish() {
    const shots = this.#shots.all();
    const numbers = new Map();
    this.#pasts.clear();
    this.frames.forEach((frame, at) => {
      frame.shot = shots[at];
      for (const person of frame.people) {
        const name = `${shots[at]} ${person.track}`;
        if (!numbers.has(name)) numbers.set(name, numbers.size);
        person.key = person.track = numbers.get(name);
        person.raw = { probabilities: person.probabilities, point: person.point };
      }
      this.#keep(frame);
    });
    for (const past of this.#pasts.values()) {
      medians(past, SMOOTH_S).forEach((smooth, at) => {
        const { person } = past[at];
        Object.assign(person, smooth, likeliest(smooth.probabilities));
        Object.assign(past[at], smooth);
      });
    }
    this.episodes = findEpisodes([...this.#pasts.values()]);
  }

  /** How many people were seen. */
  get count() {
    return this.#pasts.size;
  }

  /** What was seen of a person, the oldest first. */
  past(track) {
    return this.#pasts.get(track) ?? [];
  }

  /** The frame that is shown at a time. */
  at(timeS) {
    return this.frames.findLast((frame) => frame.timeS <= timeS + SHORTEST_S) ?? this.frames[0];
  }

  #keep({ timeS, shot, people }) {
    for (const person of people) {
      if (!this.#pasts.has(person.key)) this.#pasts.set(person.key, []);
      this.#pasts.get(person.key).push({ timeS, shot, person, probabilities: person.probabilities, point: person.point });
    }
  }
}

function likeliest(probabilities) {
  if (!probabilities.length) return { emotion: null, confidence: null };
  const confidence = Math.max(...probabilities);
  return { emotion: LABELS[probabilities.indexOf(confidence)], confidence };
}
