/** The eight expressions in affekt's order, and one colour each: the counterparts of labels.py and colours.py. */

export const LABELS = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"];

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
export const VALENCE = "#0f8b8d";
export const AROUSAL = "#d6336c";
