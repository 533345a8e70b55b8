/** A picture file to a bitmap that stands upright, as Pillow turns it. */

const ORIENTATION = 0x0112;
/** By EXIF orientation, the matrix (a, b, c, d) of a canvas that turns the picture upright. */
const TURNS = {
  2: [-1, 0, 0, 1],
  3: [-1, 0, 0, -1],
  4: [1, 0, 0, -1],
  5: [0, 1, 1, 0],
  6: [0, 1, -1, 0],
  7: [0, -1, -1, 0],
  8: [0, -1, 1, 0],
};

/**
 * @param {Blob} file
 * @returns {Promise<ImageBitmap>}
 */
export async function uprightBitmap(file) {
  const turn = TURNS[await webpOrientation(file)];
  // Browsers turn JPEG and PNG; not all turn WebP, which therefore is taken as it is stored.
  const imageOrientation = turn ? "none" : "from-image";
  const bitmap = await createImageBitmap(file, { imageOrientation, colorSpaceConversion: "none" }).catch((error) => {
    throw new Error("it is no picture that this browser reads; save it as JPEG or PNG", { cause: error });
  });
  return turn ? turned(bitmap, turn) : bitmap;
}

function turned(bitmap, [a, b, c, d]) {
  const { width, height } = bitmap;
  const canvas = a ? new OffscreenCanvas(width, height) : new OffscreenCanvas(height, width);
  const context = canvas.getContext("2d");
  const left = Math.min(0, a * width + c * height);
  const top = Math.min(0, b * width + d * height);
  context.setTransform(a, b, c, d, -left, -top);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.transferToImageBitmap();
}

/** Return the EXIF orientation of a WebP file; undefined for other files, or where it has none. */
async function webpOrientation(file) {
  const head = new DataView(await file.slice(0, 12).arrayBuffer());
  if (head.byteLength < 12 || fourLetters(head, 0) !== "RIFF" || fourLetters(head, 8) !== "WEBP") return undefined;
  const view = new DataView(await file.arrayBuffer());
  let at = 12;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at + 4, true);
    if (fourLetters(view, at) === "EXIF") return exifOrientation(view, at + 8, Math.min(at + 8 + size, view.byteLength));
    at += 8 + size + (size % 2);
  }
  return undefined;
}

function exifOrientation(view, from, to) {
  const tiff = from + (to - from >= 6 && fourLetters(view, from) === "Exif" ? 6 : 0);
  if (tiff + 8 > to) return undefined;
  const little = fourLetters(view, tiff).startsWith("II");
  const list = tiff + view.getUint32(tiff + 4, little);
  if (list + 2 > to) return undefined;
  const count = view.getUint16(list, little);
  for (let i = 0, entry = list + 2; i < count && entry + 12 <= to; i++, entry += 12) {
    if (view.getUint16(entry, little) === ORIENTATION) return view.getUint16(entry + 8, little);
  }
  return undefined;
}

function fourLetters(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
