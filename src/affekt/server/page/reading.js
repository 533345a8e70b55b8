/** Files that are read one after the other, in the order they came: each becomes rows and a tile of the strip. */

import { Film } from "./film.js";
import { SECOND_LOOK_EVERY_S } from "./live.js";
import { peopleOf, Watched } from "./people.js";
import { uprightBitmap } from "./upright.js";
import { counted, described } from "./view/words.js";

/** Pixels of the longer side in which faces are looked for, as on the command line. */
const PICTURE_SIDE = 640;
/** Faces of a picture that are told of one by one. */
const MOST_TOLD = 8;
/** Endings of videos whose kind the browser does not know. */
const VIDEO = /\.(3gp|avi|m4v|mkv|mov|mp4|mpe?g|ogv|webm|wmv)$/i;

const part = (id) => document.getElementById(id);

/**
 * @typedef {object} Item
 * @property {string} name
 * @property {File} file
 * @property {string} [fault] why it could not be read.
 * @property {import("./people.js").Person[]} [people] of a picture.
 * @property {Film} [film]
 * @property {Watched} [watched] what was seen in the film.
 */

export class Reading {
  #page;
  #queue = Promise.resolve();
  #waiting = 0;
  /** What is told of the files that were chosen together. */
  #result = "";
  #faults = [];
  /** Stops the files that were chosen and are not read yet. */
  #choice = new AbortController();
  #stopsFilm = false;

  /** @param {object} page with its `engine`, `desk`, `live`, `session` and `strip`, and with `tell` and `saved`. */
  constructor(page) {
    this.#page = page;
    part("stop").addEventListener("click", () => this.stopFilm());
  }

  /** Read files after those that wait. */
  add(files) {
    const { signal } = this.#choice;
    if (!this.#waiting) [this.#result, this.#faults] = ["", []];
    this.#waiting += files.length;
    this.#queue = files.reduce((before, file) => before.then(() => this.#read(file, signal)), this.#queue);
  }

  /** Let a film that is being read end where it is. */
  stopFilm() {
    this.#stopsFilm = true;
  }

  /** Read none of those that wait, and nothing more of the one that is being read. */
  forget() {
    this.#choice.abort();
    this.#choice = new AbortController();
  }

  async #read(file, signal) {
    this.#waiting -= 1;
    if (signal.aborted) return;
    const { live, session, strip, tell, saved } = this.#page;
    live.stop();
    tell(`Reading ${file.name} …`);
    // Also before the first row is there: it stops those that wait.
    part("forget").disabled = false;
    const item = { name: file.name, file };
    try {
      const sentence = await (isVideo(file) ? this.#readFilm(item, signal) : this.#readPicture(item, signal));
      strip.add(item);
      // The camera may have been started meanwhile.
      if (live.isOn) return;
      this.#result = sentence;
    } catch (error) {
      if (signal.aborted) return;
      item.fault = `${file.name} cannot be read: ${error.message}`;
      session.addUnreadable(file.name, error.message);
      this.#faults.push(item.fault);
      strip.add(item);
    } finally {
      saved();
    }
    // A file that cannot be read takes nothing away from those that can.
    tell([this.#result, ...this.#faults].filter(Boolean).join(" · "));
  }

  async #readPicture(item, signal) {
    const { engine, desk, live, session, strip } = this.#page;
    const bitmap = await uprightBitmap(item.file);
    signal.throwIfAborted();
    desk.showPicture(bitmap, item.name);
    strip.draw(item, bitmap, bitmap);
    const { faces } = await engine.analyse({ bitmap, file: item.file, longestSide: PICTURE_SIDE });
    signal.throwIfAborted();
    item.people = peopleOf(faces);
    session.add(item.name, item.people);
    if (!live.isOn) desk.showPeople(item.people);
    return `${item.name}: ${inFull(item.people)}`;
  }

  async #readFilm(item, signal) {
    const { desk, live, session, strip, tell } = this.#page;
    item.film = await Film.open(item.file);
    item.watched = new Watched();
    this.#stopsFilm = false;
    part("working").hidden = false;
    try {
      desk.showFilm(item);
      strip.draw(item, item.film.picture, item.film.size);
      await this.#watch(item, signal);
      tell(`Finding the episodes of ${item.name} …`);
      item.watched.finish();
    } catch (error) {
      item.film.close();
      throw error;
    } finally {
      part("working").hidden = true;
    }
    const { frames, episodes } = item.watched;
    for (const frame of frames) session.add(item.name, frame.people, frame);
    if (!live.isOn) await desk.showReview(item);
    const read = `${counted(frames.length, "frame")} read${this.#stopsFilm ? ", then stopped" : ""}`;
    return `${item.name}: ${read}. ${counted(item.watched.count, "face")}, ${counted(episodes.length, "episode")}`;
  }

  async #watch({ name, film, watched }, signal) {
    const { engine, desk } = this.#page;
    let nextLookS = 0;
    for await (const { bitmap, ...frame } of film.frames(Number(part("every").value))) {
      signal.throwIfAborted();
      const looksAgain = frame.timeS >= nextLookS;
      if (looksAgain) nextLookS = frame.timeS + SECOND_LOOK_EVERY_S;
      const { faces } = await engine.analyse({ bitmap, longestSide: PICTURE_SIDE, looksAgain });
      signal.throwIfAborted();
      const people = watched.update(faces, frame);
      // A camera that was started meanwhile has the stage.
      if (this.#stopsFilm) return;
      desk.showFrame(people, frame.timeS);
      part("progress").value = frame.timeS / film.lengthS;
      part("read").textContent = `${frame.timeS.toFixed(1)} of ${film.lengthS.toFixed(1)} seconds`;
    }
  }
}

const isVideo = ({ name, type }) => type.startsWith("video/") || (!type && VIDEO.test(name));

/** The surest faces each with its words: nobody listens to sixty. */
function inFull(found) {
  const told = [counted(found.length, "face"), ...found.slice(0, MOST_TOLD).map(described)];
  if (found.length > MOST_TOLD) told.push(`${found.length - MOST_TOLD} more are in the table`);
  return told.join(". ");
}
