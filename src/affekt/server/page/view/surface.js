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

const LEGEND_PX = 18;

/**
 * A chart as a PNG on the page's paper, its title and the names of its colours above it.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {string} title
 * @param {[string, string][]} paints each name and its colour.
 * @returns {Promise<Blob>}
 */
export function onPaper(canvas, title, paints) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.width / scale;
  const copy = document.createElement("canvas");
  const context = copy.getContext("2d");
  context.font = font(12);
  const places = placesOf(paints, width, (name) => context.measureText(name).width);
  const above = LEGEND_PX * (places.at(-1).line + 3);
  Object.assign(copy, { width: canvas.width, height: canvas.height + above * scale });
  context.fillStyle = colour("paper");
  context.fillRect(0, 0, copy.width, copy.height);
  context.drawImage(canvas, 0, above * scale);
  context.scale(scale, scale);
  context.textBaseline = "middle";
  context.fillStyle = colour("ink");
  context.font = font(13, 600);
  context.fillText(title, 6, LEGEND_PX * 0.75);
  context.font = font(12);
  for (const { name, paint, x, line } of places) {
    const y = LEGEND_PX * (line + 1.75);
    context.fillStyle = paint;
    context.fillRect(x, y - 5, 10, 10);
    context.fillStyle = colour("ink");
    context.fillText(name, x + 14, y);
  }
  return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
}

function placesOf(paints, width, lengthOf) {
  let [x, line] = [6, 0];
  return paints.map(([name, paint]) => {
    const wide = lengthOf(name) + 30;
    if (x + wide > width && x > 6) [x, line] = [6, line + 1];
    x += wide;
    return { name, paint, x: x - wide, line };
  });
}
