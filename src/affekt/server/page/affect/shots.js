/** Where a film cuts from one view to another, the counterpart of shots.py, which says what is done and why. */

import { median } from "./episodes.js";

const FLAT = 3;
const FLASH_S = 0.25;
const LEAST_CUT = 0.025;
const [TIMES_USUAL, ABOVE_USUAL] = [8, 0.5];
const [TIMES_UNDONE, UNDONE_SHARE] = [2, 0.3];
const USUAL_S = 0.4;
const USUAL_SHARE = 0.85;
const [FAR_APART_S, TOO_FAR_APART_S] = [0.15, 0.5];
const [TIMES_FAR_APART, LEAST_FAR_APART] = [6, 0.15];
const LEAST_TOO_FAR_APART = 0.5;
const DISSOLVE_S = 1;
const LEAST_DISSOLVE = 0.3;
const MOST_CHANGED = 0.2;
const OFF_MIXTURE = 0.05;
const LEAST_MIXTURES = 4;
const GRACE_S = 1e-4;

/** How far ahead is looked before a frame is decided on, and how far back. */
const LOOK_S = 1.5;

/** Numbers the shots of a film from 1. */
export class ShotCounter {
  #frames = [];
  #shots = [];
  #unitBefore = null;
  #forgotten = 0;

  /**
   * @param {ArrayLike<number>} small the next frame's small copy: red, green and blue of each of its few pixels.
   * @param {number} timeS when it is shown.
   */
  add(small, timeS) {
    const means = [0, 1, 2].map((colour) => (3 * sumOf(small, colour)) / small.length);
    const centred = Float64Array.from(small, (value, place) => value - means[place % 3]);
    const length = Math.sqrt(dot(centred, centred));
    const isFlat = length < FLAT * Math.sqrt(centred.length);
    const unit = centred.map((value) => value / Math.max(length, 1e-6));
    const change = isFlat || !this.#unitBefore ? 0 : 1 - dot(unit, this.#unitBefore);
    this.#frames.push({ timeS, small: Float64Array.from(small), unit, isFlat, change });
    if (!isFlat) this.#unitBefore = unit;
    while (this.#frames[this.#shots.length].timeS < timeS - LOOK_S) this.#decide();
  }

  /** @returns {number[]} the shot of each frame, once all were added. */
  all() {
    while (this.#shots.length < this.#frames.length) this.#decide();
    return this.#shots;
  }

  #decide() {
    const place = this.#shots.length;
    const isNew = this.#isCut(place) || this.#isDissolved(place);
    this.#shots.push((this.#shots.at(-1) ?? 1) + (isNew ? 1 : 0));
    // Ten minutes of small copies would fill the memory of a phone.
    const sinceS = this.#frames[place].timeS - LOOK_S;
    while (this.#frames[this.#forgotten].timeS < sinceS) {
      Object.assign(this.#frames[this.#forgotten++], { small: null, unit: null });
    }
  }

  #around(place, withinS) {
    const frames = this.#frames;
    const { timeS } = frames[place];
    const before = [];
    const after = [];
    for (let at = place - 1; at >= 0 && frames[at].timeS >= timeS - withinS - GRACE_S; at--) before.unshift(at);
    for (let at = place + 1; at < frames.length && frames[at].timeS <= timeS + withinS + GRACE_S; at++) after.push(at);
    return [before, after];
  }

  #isCut(place) {
    const { change } = this.#frames[place];
    if (change < LEAST_CUT || change < this.#least(place) || this.#isUndone(place)) return false;
    const [before, after] = this.#around(place, FLASH_S);
    const isFirst = before.every((each) => this.#frames[each].change < change);
    return isFirst && after.every((each) => this.#frames[each].change <= change);
  }

  #least(place) {
    const [usual, usualStepS] = this.#usual(place);
    if (usualStepS > TOO_FAR_APART_S) return LEAST_TOO_FAR_APART;
    if (usualStepS > FAR_APART_S) return Math.min(Math.max(TIMES_FAR_APART * usual, LEAST_FAR_APART), LEAST_TOO_FAR_APART);
    const afterPause = usual * Math.max(1, this.#stepS(place) / Math.max(usualStepS, GRACE_S));
    return Math.min(TIMES_USUAL * afterPause, ABOVE_USUAL + afterPause);
  }

  #usual(place) {
    let found = [0, Infinity];
    for (const withinS of [USUAL_S, LOOK_S]) {
      const near = this.#around(place, withinS).flat().filter(Boolean);
      const changes = near.map((each) => this.#frames[each].change);
      if (near.length) found = [quantile(changes, USUAL_SHARE), median(near.map((each) => this.#stepS(each)))];
      if (found[1] <= FAR_APART_S) break;
    }
    return found;
  }

  #isUndone(place) {
    const [usual, usualStepS] = this.#usual(place);
    const flashS = usualStepS > TOO_FAR_APART_S ? FLASH_S : Math.max(FLASH_S, 2.1 * usualStepS);
    const [before, after] = this.#around(place, flashS);
    const most = this.#frames[place].change * UNDONE_SHARE;
    const isLike = (first, second) => {
      const [earlier, later] = [this.#frames[first], this.#frames[second]];
      if (earlier.isFlat || later.isFlat || later.timeS > earlier.timeS + flashS + GRACE_S) return false;
      const moved = Math.min(most, TIMES_UNDONE * usual * (second - first));
      return 1 - dot(earlier.unit, later.unit) < Math.max(LEAST_CUT / 2, moved);
    };
    return before.some((first) => [place, ...after].some((second) => isLike(first, second)));
  }

  #stepS(place) {
    return this.#frames[place].timeS - this.#frames[place - 1].timeS;
  }

  #mixed(place) {
    const frame = this.#frames[place];
    if (frame.mixed === undefined) {
      const [before, after] = this.#around(place, DISSOLVE_S / 2);
      frame.mixed = before.length && after.length ? this.#over(before[0], after.at(-1)) : 0;
    }
    return frame.mixed;
  }

  #over(first, last) {
    const [start, end] = [this.#frames[first], this.#frames[last]];
    if (start.isFlat || end.isFlat || last - first <= LEAST_MIXTURES) return 0;
    const difference = 1 - dot(start.unit, end.unit);
    if (difference < LEAST_DISSOLVE) return 0;
    const way = end.small.map((value, place) => value - start.small[place]);
    const length = dot(way, way);
    const far = way.map(Math.abs);
    const least = quantile(far, 1 - MOST_CHANGED);
    const most = [...way.keys()].filter((place) => far[place] >= least);
    let [off, mixtures] = [0, 0];
    for (const { small } of this.#frames.slice(first + 1, last)) {
      const gone = small.map((value, place) => value - start.small[place]);
      const share = dot(gone, way) / length;
      off = Math.max(off, median(most.map((place) => Math.abs(gone[place] - share * way[place]))));
      mixtures += share > 0.1 && share < 0.9 ? 1 : 0;
    }
    return mixtures >= LEAST_MIXTURES && off < OFF_MIXTURE * median(most.map((place) => far[place])) ? difference : 0;
  }

  #isDissolved(place) {
    const mixed = this.#mixed(place);
    if (!mixed) return false;
    const [before, after] = this.#around(place, DISSOLVE_S / 2);
    if ([...before, ...after].some((each) => this.#isCut(each))) return false;
    return before.every((each) => this.#mixed(each) < mixed) && after.every((each) => this.#mixed(each) <= mixed);
  }
}

function sumOf(small, colour) {
  let sum = 0;
  for (let place = colour; place < small.length; place += 3) sum += small[place];
  return sum;
}

function dot(one, other) {
  let sum = 0;
  for (let place = 0; place < one.length; place++) sum += one[place] * other[place];
  return sum;
}

/** Between two values the share of the way to the upper one, as numpy has it. */
function quantile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}
