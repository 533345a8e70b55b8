/**
 * Scores over time, the counterpart of smoothing.py: before a camera an exponential filter along each track, on
 * log-probabilities; in a film, whose later frames are known too, a running median.
 */

/** Probabilities below this count as this before their logarithm is taken. */
const SMALLEST = 1e-6;
/** Times are rounded. */
const SHORTEST_STEP_S = 1e-5;
/** The smallest positive number that keeps all its digits. */
const TINY = 2.2250738585072014e-308;

export class Smoother {
  #states = new Map();

  /** @param {number} timeConstantS after this time a sudden change shows by 63 %; 0 smooths nothing. */
  constructor(timeConstantS) {
    this.timeConstantS = timeConstantS;
  }

  /**
   * Filter the newest answer of a track.
   *
   * @param {number} track its number.
   * @param {number} timeS when; never earlier than the track's one before.
   * @param {number[]} probabilities eight summing to 1, or none.
   * @param {number[]} point valence and arousal, or none.
   * @returns {{probabilities: number[], point: number[]}}
   */
  update(track, timeS, probabilities, point) {
    let values = [...probabilities.map((p) => Math.log(Math.max(p, SMALLEST))), ...point];
    const before = this.#states.get(track);
    if (this.timeConstantS && before) {
      const share = 1 - Math.exp(-(timeS - before.timeS) / this.timeConstantS);
      values = values.map((value, i) => before.values[i] + share * (value - before.values[i]));
    }
    this.#states.set(track, { timeS, values });
    const likelihoods = values.slice(0, probabilities.length).map(Math.exp);
    const total = likelihoods.reduce((sum, one) => sum + one, 0);
    return { probabilities: likelihoods.map((one) => one / total), point: values.slice(probabilities.length) };
  }
}

/**
 * The medians of one track: over as many frames before as after each, none farther away than `reachS`.
 *
 * @param {{timeS: number, probabilities: number[], point: number[]}[]} moments in the order of time.
 * @param {number} reachS what lasts for less vanishes.
 * @returns {{probabilities: number[], point: number[]}[]}
 */
export function medians(moments, reachS) {
  let first = 0;
  let stop = 0;
  return moments.map(({ timeS, probabilities }, at) => {
    while (moments[first].timeS < timeS - reachS - SHORTEST_STEP_S) first++;
    while (stop < moments.length && moments[stop].timeS <= timeS + reachS + SHORTEST_STEP_S) stop++;
    const near = Math.min(at - first, stop - at - 1);
    const window = moments.slice(at - near, at + near + 1);
    const middle = (values) => values.toSorted((one, other) => one - other)[near];
    const shares = probabilities.map((_, i) => Math.max(middle(window.map((moment) => moment.probabilities[i])), TINY));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return {
      probabilities: shares.map((share) => share / total),
      point: moments[at].point.map((_, i) => middle(window.map((moment) => moment.point[i]))),
    };
  });
}
