/** Canvases in CSS pixels, sharp on every screen, in the colours of the page's style sheet. */

/**
 * Fit a canvas to its place in the page and clear it.
 *
 * @returns {{context: CanvasRenderingContext2D, width: number, height: number}} sizes in CSS pixels.
 */
export function cleared(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const style = getComputedStyle(document.documentElement);

/** A colour of the style sheet: `ink`, `soft`, `faint`, `paper`, `tint`. Light or dark as the page is. */
export const colour = (name) => style.getPropertyValue(`--${name}`).trim();

/** Letters of the page. */
export const font = (sizePx, weight = 400) => `${weight} ${sizePx}px ${style.getPropertyValue("--sans")}`;

/** Black or white, whichever reads better on a colour (WCAG 2.2, relative luminance). */
export function legibleOn(hex) {
  const linear = [1, 3, 5].map((at) => {
    const share = parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.179 ? "#14171a" : "#ffffff";
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Whether the person asked for as little motion as possible. */
export const isCalm = () => calm.matches;
