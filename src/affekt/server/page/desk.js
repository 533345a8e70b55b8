/** What is looked at: a picture, a film or the camera on the stage, one face in the panel, its past in the charts. */

import { Circumplex } from "./view/circumplex.js";
import { Panel } from "./view/panel.js";
import { Review } from "./view/review.js";
import { Stage } from "./view/stage.js";
import { isCalm } from "./view/surface.js";
import { Timeline } from "./view/timeline.js";
import { nameOf, originWords } from "./view/words.js";

/** How often the charts are drawn while the camera runs or a film is read, and for those who asked for little motion. */
const CHARTS_MS = 100;
const CALM_MS = 500;

export class Desk {
  #stage = new Stage((key) => this.select(key));
  #panel = new Panel((key) => this.select(key));
  #circumplex = new Circumplex();
  #timeline = new Timeline();
  #review = new Review((timeS) => this.#turnTo(timeS), (key) => this.select(key));
  #selected = null;
  /** Who was seen before: a `Following` of the camera, or what was `Watched` of a film. */
  #following = null;
  #item = null;
  #nowS = 0;
  #chartedMs = -Infinity;

  /** @type {import("./people.js").Person[]} those of the moment. */
  people = [];

  /** @param {object} card of the model. */
  set card(card) {
    this.#circumplex.origin = originWords(card.valence_arousal_origin);
  }

  /** What is looked at, if it is a file that was read or is being read. */
  get item() {
    return this.#item;
  }

  get person() {
    return this.people.find(({ key }) => key === this.#selected);
  }

  /** Show nothing yet. */
  clear() {
    this.#lookAt(null);
    this.rest();
    this.select(null);
  }

  /** Show that something can be read; the past of the camera stays. */
  rest() {
    this.people = [];
    this.#stage.welcome();
    this.#timeline.isShown = true;
    this.show();
  }

  /** Show a picture whose faces are still to be found, or, with an item, those that were. */
  showPicture(bitmap, name, item = null) {
    this.#lookAt(item);
    this.#stage.showPicture(bitmap, bitmap, name);
    this.#timeline.isShown = false;
    this.people = item?.people ?? [];
    this.select(this.people[0]?.key ?? null);
  }

  /** Show the faces that were found in the picture that is shown. */
  showPeople(people) {
    this.people = people;
    this.select(people[0]?.key ?? null);
  }

  /** Show a film that is read from now on; `showFrame` shows its frames. */
  showFilm(item) {
    this.#lookAt(item);
    this.#following = item.watched;
    this.#stage.showPicture(item.film.picture, item.film.size, item.name);
    this.#timeline.isShown = true;
  }

  /** Show the frame that the film is at. */
  showFrame(people, timeS) {
    this.#stage.draw(this.#item.film.picture);
    this.#choose(people, timeS);
    this.show();
  }

  /** Show a film that was read: the first moment with a face, its timeline and its episodes. */
  async showReview(item) {
    this.showFilm(item);
    this.#review.show(item);
    const frame = item.watched.frames.find(({ people }) => people.length) ?? item.watched.frames[0];
    this.#selected = frame?.people[0]?.key ?? null;
    await this.#turnTo(frame?.timeS ?? 0);
  }

  /** Show the camera. */
  showCamera(isMirror) {
    this.#lookAt(null);
    this.#stage.showCamera(isMirror);
    this.#timeline.isShown = true;
    this.#stage.glide(true);
  }

  /** Let the boxes rest. */
  endCamera() {
    this.#stage.glide(false);
  }

  /** Show who is before the camera now. */
  follow(people, following, timeS) {
    this.#following = following;
    this.#choose(people, timeS);
    // Drawn in the browser's own time: the next frame goes to the worker first.
    requestAnimationFrame(() => this.show());
  }

  /** Tell of another face of those that are shown, or draw all of it anew. */
  select(key = this.#selected) {
    this.#selected = key;
    this.#chartedMs = -Infinity;
    this.show();
  }

  show() {
    const sinceMs = performance.now() - this.#chartedMs;
    this.#stage.mark(this.people, this.#selected);
    if (isCalm() && sinceMs < CALM_MS) return;
    this.#panel.show(this.people, this.person);
    if (sinceMs < CHARTS_MS) return;
    this.#chartedMs = performance.now();
    const past = this.#following?.past(this.#selected) ?? [];
    const lengthS = this.#item?.film?.lengthS;
    this.#circumplex.show(this.person, lengthS ? past.filter(({ timeS }) => timeS <= this.#nowS) : past);
    this.#timeline.show(past, this.#following ? this.#nowS : 0, lengthS);
    if (lengthS) this.#timeline.title = `${this.#item.name} · ${nameOf({ key: this.#selected ?? 0 })}`;
  }

  /** @returns {Promise<Blob>} the timeline as a PNG. */
  timelinePicture() {
    return this.#timeline.picture();
  }

  #lookAt(item) {
    this.#item = item;
    this.#following = null;
    this.#nowS = 0;
    this.people = [];
    this.#review.hide();
    this.#timeline.title = "The last half minute";
  }

  #choose(people, timeS) {
    this.people = people;
    this.#nowS = timeS;
    if (!this.person && people.length) this.#selected = people[0].key;
  }

  /** Go to a time of a film that was read. Whoever was chosen stays chosen, there or not. */
  async #turnTo(timeS) {
    const item = this.#item;
    const frame = item.watched.at(timeS);
    await item.film.show(frame?.atS ?? 0);
    if (this.#item !== item) return;
    this.#stage.draw(item.film.picture);
    this.people = frame?.people ?? [];
    this.#nowS = frame?.timeS ?? 0;
    this.#review.time(this.#nowS);
    this.select();
  }
}
