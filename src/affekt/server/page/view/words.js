/** Numbers as people read them. */

/** What is not quite certain never reads as certain. */
export const percent = (share) =>
  share >= 0.995 && share < 1 ? ">\u00a099\u00a0%" : `${Math.round(100 * share)}\u00a0%`;

/** In [-1, 1] with its sign and a true minus. */
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** `1 face`, `3 faces`. */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** What a face is called: counted from 1, as people do. */
export const nameOf = (person) => `Face ${person.key + 1}`;

/** A person's expression in a sentence, for those who hear it and those who see it. */
export function described(person) {
  const parts = [];
  if (person.emotion) parts.push(`${person.emotion} ${percent(person.confidence)}`);
  if (person.point.length) parts.push(`valence ${signed(person.point[0])}, arousal ${signed(person.point[1])}`);
  return `${nameOf(person)}: ${parts.join(", ")}`;
}
