/** A film that was read: its timeline by time, its episodes, and what can be saved of both. */

import { colourOf } from "../affect/colours.js";
import { percent } from "./words.js";

const part = (id) => document.getElementById(id);

export class Review {
  #onTime;
  #onPerson;

  /**
   * @param {(timeS: number) => void} onTime called with the time that is chosen.
   * @param {(key: number) => void} onPerson called with the face whose episode is chosen.
   */
  constructor(onTime, onPerson) {
    this.#onTime = onTime;
    this.#onPerson = onPerson;
    part("time").addEventListener("input", ({ target }) => onTime(Number(target.value)));
  }

  hide() {
    part("review").hidden = true;
  }

  /** @param {import("../reading.js").Item} item a film that was read. */
  show({ film, watched }) {
    part("review").hidden = false;
    Object.assign(part("time"), { max: film.lengthS, value: 0 });
    part("episodes").replaceChildren(...watched.episodes.map((episode) => this.#row(episode)));
    part("episodes-table").hidden = !watched.episodes.length;
    part("no-episodes").hidden = watched.episodes.length > 0;
  }

  /** Say at which time the film is. */
  time(timeS) {
    part("time").value = timeS;
    part("time").setAttribute("aria-valuetext", seconds(timeS));
  }

  #row({ track, label, startS, apexS, endS, peak }) {
    const row = document.createElement("tr");
    const name = document.createElement("button");
    Object.assign(name, { type: "button", textContent: label });
    name.style.setProperty("--paint", colourOf(label));
    name.addEventListener("click", () => {
      this.#onPerson(track);
      this.#onTime(apexS);
    });
    row.insertCell().append(name);
    const texts = [String(track + 1), seconds(startS), (endS - startS).toFixed(1), percent(peak)];
    for (const text of texts) row.insertCell().textContent = text;
    return row;
  }
}

/** `0:02.4`: a time of a film to a tenth of a second. */
export function seconds(timeS) {
  const tenths = Math.round(timeS * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}
