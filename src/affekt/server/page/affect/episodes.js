/** Episodes, the counterpart of people/episodes.py: stretches of time in which a face shows one expression. */

import { EPISODE_RULE, LABELS } from "../labels.js"; // the rule is the service's own: what affekt summarize defaults to

/**
 * @typedef {{timeS: number, shot: number, probabilities: number[], point: number[]}} Moment of one person.
 * @typedef {{track: number, label: string, startS: number, apexS: number, endS: number, mean: number, peak: number,
 *   meanPoint: number[]}} Episode
 */

/** What a single frame counts as: it is shown for no time that is known. */
const NO_TIME_S = 1e-9;
/** Times are decimal, and 0.4 + 0.1 is less than 0.5. */
const GRACE_S = 1e-6;

/**
 * @param {Moment[][]} people the moments of each person of one film, in the order of appearance and of time.
 * @returns {Episode[]} in the order of people and of their beginnings.
 */
export function findEpisodes(people) {
  const steps = people.map((moments) => moments.slice(1).map(({ timeS }, at) => timeS - moments[at].timeS));
  const usualOfAllS = median(steps.flat());
  return people.flatMap((moments, person) => {
    const usualS = median(steps[person]) ?? usualOfAllS ?? 0;
    const pieces = piecesOf(moments, usualS);
    const found = LABELS.flatMap((label, place) =>
      label === "neutral" ? [] : pieces.flatMap((piece) => episodesOf(piece, place)),
    );
    return found.sort((one, other) => one.startS - other.startS).map((episode) => ({ ...episode, track: person }));
  });
}

/** Stretches without a long gap or a cut; each moment with the seconds for which it is seen. */
function piecesOf(moments, usualS) {
  const longestS = Math.max(EPISODE_RULE.longest_gap_s, 1.5 * usualS);
  const pieces = [[]];
  moments.forEach((moment, at) => {
    const next = moments[at + 1];
    const stepS = next ? next.timeS - moment.timeS : Infinity;
    pieces.at(-1).push({ ...moment, seenS: stepS > longestS ? usualS : stepS });
    if (next && (stepS > longestS || next.shot !== moment.shot)) pieces.push([]);
  });
  return pieces;
}

/** Of one piece and label: stretches above the lower threshold that reach the upper one and last. */
function episodesOf(piece, label) {
  const found = [];
  let stretch = [];
  for (const moment of [...piece, null]) {
    if (moment && (moment.probabilities[label] ?? 0) >= EPISODE_RULE.end_probability) {
      stretch.push(moment);
      continue;
    }
    if (stretch.length) found.push(episodeOf(stretch, label));
    stretch = [];
  }
  const { start_probability: start, least_episode_s: leastS } = EPISODE_RULE;
  return found.filter(({ peak, startS, endS }) => peak >= start && endS - startS >= leastS - GRACE_S);
}

function episodeOf(stretch, label) {
  const probabilities = stretch.map((moment) => moment.probabilities[label]);
  const peak = Math.max(...probabilities);
  const last = stretch.at(-1);
  const weights = stretch.map(({ seenS }) => seenS || NO_TIME_S);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (values) => values.reduce((sum, value, at) => sum + value * weights[at], 0) / total;
  return {
    label: LABELS[label],
    startS: stretch[0].timeS,
    apexS: stretch[probabilities.indexOf(peak)].timeS,
    endS: last.timeS + last.seenS,
    mean: mean(probabilities),
    peak,
    meanPoint: stretch[0].point.map((_, axis) => mean(stretch.map(({ point }) => point[axis]))),
  };
}

/** @returns {number | undefined} nothing of no values. */
export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return middle % 1 ? sorted[Math.floor(middle)] : sorted.length ? (sorted[middle - 1] + sorted[middle]) / 2 : undefined;
}
