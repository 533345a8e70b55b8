/** Arithmetic that NumPy and Python do in their own way. */

/** Round to the nearest whole number, halves to the even one, as Python's round and NumPy's rint do. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
