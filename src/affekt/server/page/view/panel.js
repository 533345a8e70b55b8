/** What is read of one face: its likeliest word, a bar for each expression, and who else there is. */

import { colourOf } from "../affect/colours.js";
import { LABELS } from "../labels.js";
import { nameOf, percent } from "./words.js";

export class Panel {
  #headline = document.getElementById("headline");
  #people = document.getElementById("people");
  #onSelect;
  #bars;

  /** @param {(key: number) => void} onSelect called with the key of the face that is chosen. */
  constructor(onSelect) {
    this.#onSelect = onSelect;
    this.#bars = LABELS.map(addBar);
  }

  /**
   * @param {import("../people.js").Person[]} people
   * @param {import("../people.js").Person | undefined} person the one to tell of.
   */
  show(people, person) {
    this.#showHeadline(person);
    this.#bars.forEach(({ row, fill, value }, i) => {
      const share = person?.probabilities[i];
      fill.style.transform = `scaleX(${share ?? 0})`;
      value.textContent = share === undefined ? "" : percent(share);
      row.classList.toggle("likeliest", Boolean(person) && person.emotion === LABELS[i]);
    });
    this.#showPeople(people, person);
  }

  #showHeadline(person) {
    const word = document.createElement("span");
    word.className = "word";
    word.textContent = person ? (person.emotion ?? "A face") : "No face";
    this.#headline.replaceChildren(word);
    if (!person?.emotion) return;
    const share = document.createElement("span");
    share.className = "share";
    share.textContent = percent(person.confidence);
    this.#headline.append(share);
  }

  #showPeople(people, person) {
    const keys = people.map(({ key }) => key).toSorted((one, other) => one - other);
    this.#people.hidden = keys.length < 2;
    // Buttons that stay the same must stay, or the keyboard's focus would be lost with each frame.
    if (this.#people.dataset.keys !== keys.join()) {
      const focused = document.activeElement?.dataset?.key;
      this.#people.dataset.keys = keys.join();
      this.#people.replaceChildren(...keys.map((key) => this.#button(key)));
      this.#people.querySelector(`[data-key="${focused}"]`)?.focus();
    }
    for (const button of this.#people.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.key) === person?.key));
    }
  }

  #button(key) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.key = key;
    button.textContent = nameOf({ key });
    button.addEventListener("click", () => this.#onSelect(key));
    return button;
  }
}

function addBar(label) {
  const row = document.getElementById("bars").insertRow();
  const name = Object.assign(document.createElement("th"), { scope: "row", textContent: label });
  name.style.setProperty("--paint", colourOf(label));
  row.append(name);
  const track = row.insertCell();
  const fill = document.createElement("div");
  fill.className = "fill";
  fill.style.backgroundColor = colourOf(label);
  track.className = "track";
  track.append(fill);
  const value = row.insertCell();
  value.className = "value";
  return { row, fill, value };
}
