/** Numbers as people read them. */

/** In whole per cent, and never 0 or 100, because no answer is certain. */
export function percent(share) {
  if (share >= 0.995) return ">\u00a099\u00a0%";
  return share < 0.005 ? "<\u00a01\u00a0%" : `${(100 * share).toFixed(0)}\u00a0%`;
}

/** In [-1, 1] with its sign and a true minus; what rounds to zero has none. */
export function signed(value) {
  const size = Math.abs(value).toFixed(2);
  return (Number(size) ? (value < 0 ? "−" : "+") : "") + size;
}

/** `1 face`, `3 faces`. */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** What is said beside valence and arousal, as affekt.analysis.rows.origin_words does: nothing of rated ones. */
export function originWords(origin) {
  if (!origin || origin === "rated") return "";
  return origin + (origin.includes("rated") ? "" : ", not rated");
}

/** What a face is called: counted from 1, as people do. */
export const nameOf = (person) => `Face ${person.key + 1}`;

/** A person's expression in a sentence, for those who hear it and those who see it. */
export function described(person) {
  const parts = [];
  if (person.emotion) parts.push(`${person.emotion} ${percent(person.confidence)}`);
  if (person.point.length) parts.push(`valence ${signed(person.point[0])}, arousal ${signed(person.point[1])}`);
  return `${nameOf(person)}: ${parts.join(", ")}`;
}
