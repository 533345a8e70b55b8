/** The expressions in affekt's order, each with its colour: the counterpart of labels.py, to which a test holds it. */

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
export const LABELS = Object.keys(EXPRESSION_COLOURS);

/** Of a face whose expression is not named. */
export const UNSURE = "#59636e";

/** @param {string | null} emotion @returns {string} the colour of an expression. */
export const colourOf = (emotion) => EXPRESSION_COLOURS[emotion] ?? UNSURE;

export const VALENCE = "#606c00";
export const AROUSAL = "#d6336c";
