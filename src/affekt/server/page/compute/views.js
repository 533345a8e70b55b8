/** Views of a picture: turned, or a part of it, and from points of a view back to the picture; as views.py has them. */

/**
 * A rectangle on a picture, turned about its centre: what the detector gets to see.
 *
 * @typedef {{centreXy: number[], tilt: number, step: number, width: number, height: number}} View
 * The tilt in radians, clockwise as seen; the step is the pixels of the picture between two of the view.
 */

/** @returns {View} of a whole picture, turned by so many eighths of a full turn. */
export function wholeView({ width, height }, eighths) {
  const diagonal = Math.ceil((width + height) * Math.sqrt(0.5));
  const sides = [
    [width, height],
    [diagonal, diagonal],
    [height, width],
    [diagonal, diagonal],
  ][eighths % 4];
  const centreXy = [width / 2, height / 2];
  return { centreXy, tilt: (eighths * Math.PI) / 4, step: 1, width: sides[0], height: sides[1] };
}

/** What is seen of a picture, side by side in views of one size: the nearest pixel each, beyond it its edge repeated. */
export function seen({ pixels, width, height, channels }, views) {
  const [viewWidth, viewHeight] = [views[0].width, views[0].height];
  const out = { pixels: new Uint8ClampedArray(3 * viewWidth * viewHeight * views.length), channels: 3 };
  const wide = viewWidth * views.length;
  views.forEach((view, number) => {
    const [acrossX, acrossY] = axis(view);
    for (let y = 0; y < viewHeight; y++) {
      const down = y - (viewHeight - 1) / 2;
      for (let x = 0, place = (y * wide + number * viewWidth) * 3; x < viewWidth; x++, place += 3) {
        const across = x - (viewWidth - 1) / 2;
        const column = clamped(Math.floor(view.centreXy[0] + across * acrossX - down * acrossY), width - 1);
        const row = clamped(Math.floor(view.centreXy[1] + across * acrossY + down * acrossX), height - 1);
        const at = (row * width + column) * channels;
        for (let channel = 0; channel < 3; channel++) out.pixels[place + channel] = pixels[at + channel];
      }
    }
  });
  return { ...out, width: wide, height: viewHeight };
}

const clamped = (value, most) => Math.min(most, Math.max(0, value));

/** A step to the right in the view, as a vector of the picture. */
const axis = ({ tilt, step }) => [Math.cos(tilt) * step, Math.sin(tilt) * step];

/** A point of the view as a point of the picture. */
export function inPicture(view, [x, y]) {
  const [acrossX, acrossY] = axis(view);
  const [across, down] = [x - view.width / 2, y - view.height / 2];
  return [
    view.centreXy[0] + across * acrossX - down * acrossY,
    view.centreXy[1] + across * acrossY + down * acrossX,
  ];
}
