/** Scores over time, the counterpart of smoothing.py: an exponential filter along each track, on log-probabilities. */

/** Probabilities below this count as this before their logarithm is taken. */
const SMALLEST = 1e-6;

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
