/** The colours of what is shown. */

import { COLOURS } from "../labels.js"; // the service's own: the labels of its model, and their colours

/** Of a face whose expression is not named; the counterpart of labels.py, to which a test holds it. */
export const UNSURE = "#59636e";

/** @param {string | null} emotion @returns {string} the colour of an expression. */
export const colourOf = (emotion) => COLOURS[emotion] ?? UNSURE;

export const VALENCE = "#7a8800";
export const AROUSAL = "#d6336c";
