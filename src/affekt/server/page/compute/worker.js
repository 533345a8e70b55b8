/** The worker: detector and network, away from the page's own thread. Pixels come in, faces go out, nothing is kept. */

import { reasonOf } from "../answers.js";
import { FaceDetector } from "./detection.js";
import { cropFace, normalise } from "./preprocessing.js";
import { openRuntime } from "./runtime.js";

let runtime, detector, network, card;
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });

/** A file did not come: nothing is known of what this browser can do. */
class Unfetched extends Error {}

self.onmessage = async ({ data: { number, call, arguments: given } }) => {
  try {
    self.postMessage({ number, answer: await { open, analyse }[call](given) });
  } catch (error) {
    self.postMessage({ number, problem: error?.message ?? String(error), isUnfetched: error instanceof Unfetched });
  }
};

/** Load runtime, detector and network from the page's own server. */
async function open({ provider }) {
  const [detectorFile, networkFile, cardFile] = await Promise.all(
    ["/detector.onnx", "/model/model.onnx", "/model/card.json"].map(fetched),
  );
  card = JSON.parse(new TextDecoder().decode(cardFile));
  try {
    await openSessions(provider, detectorFile, networkFile);
  } catch (error) {
    // A driver can lack what a network needs; every browser that runs workers runs WebAssembly.
    if (runtime?.provider !== "webgpu" || provider === "webgpu") throw error;
    await openSessions("wasm", detectorFile, networkFile);
  }
  return { provider: runtime.provider, threads: runtime.threads, card };
}

async function fetched(path) {
  try {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(await reasonOf(answer));
    return new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    throw new Unfetched(`${path}: ${error.message}`);
  }
}

async function openSessions(provider, detectorFile, networkFile) {
  runtime = await openRuntime(provider);
  const options = { executionProviders: [runtime.provider] };
  const yunet = await runtime.ort.InferenceSession.create(detectorFile, options);
  detector = new FaceDetector(runtime.ort, yunet);
  network = await runtime.ort.InferenceSession.create(networkFile, options);
  await classified([new Uint8Array(card.preprocessing.input_size ** 2 * card.preprocessing.channels)]);
}

/**
 * Find and classify the faces of a picture.
 *
 * @param {{bitmap: ImageBitmap, longestSide: number, looksAgain: boolean}} given
 * @returns {Promise<{width: number, height: number, faces: object[], tookMs: number}>}
 */
async function analyse({ bitmap, longestSide, looksAgain }) {
  const startedMs = performance.now();
  const picture = pixelsOf(bitmap);
  const found = await detector.detect(picture, longestSide, looksAgain);
  const crops = found.map((face) => cropFace(picture, card.preprocessing, face));
  const scores = crops.length ? await classified(crops) : [];
  const faces = found.map((face, i) => ({ ...face, ...scores[i] }));
  return { width: picture.width, height: picture.height, faces, tookMs: performance.now() - startedMs };
}

function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.globalCompositeOperation = "copy";
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { pixels: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

async function classified(crops) {
  const { input_size: size, channels } = card.preprocessing;
  const shape = [crops.length, channels, size, size];
  const input = new runtime.ort.Tensor("float32", normalise(crops, card.preprocessing), shape);
  const outputs = await network.run({ faces: input });
  const part = (name, length, face) => {
    const values = outputs[name]?.data;
    return values ? Array.from(values.subarray(face * length, (face + 1) * length)) : [];
  };
  return crops.map((_, face) => ({
    probabilities: part("probabilities", card.labels.length, face),
    point: part("valence_arousal", 2, face),
  }));
}
