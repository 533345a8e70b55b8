/** The expressions, in the order of the model's card, and a colour for each, the same as in affekt's labels.py. */

// Where the card does not come, the worker, which needs it too, says why.
const card = await fetch("/model/card.json")
  .then((answer) => answer.json())
  .catch(() => ({}));
export const LABELS = card.labels ?? [];

export const EXPRESSION_COLOURS = {
  neutral: "#8a8f98",
  happiness: "#e0a100",
  sadness: "#2f74c0",
  surprise: "#3fb4d8",
  fear: "#9a63c9",
  disgust: "#2f9e6e",
  anger: "#d9503f",
  contempt: "#a5714a",
};
/** Of a face whose expression is not named. */
export const UNSURE = "#59636e";

/** @param {string | null} emotion @returns {string} the colour of an expression. */
export const colourOf = (emotion) => EXPRESSION_COLOURS[emotion] ?? UNSURE;

export const VALENCE = "#0f8b8d";
export const AROUSAL = "#d6336c";
