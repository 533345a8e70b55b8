/** The server in the browser's place. Nothing here is called before the person at the page has agreed to it. */

import { reasonOf } from "./answers.js";
import { LABELS } from "./labels.js";

const JPEG_QUALITY = 0.92;

/** Ask in a dialogue, whose first choice is no. */
export async function mayUseServer(reason) {
  const dialog = document.getElementById("consent");
  document.getElementById("consent-reason").textContent = reason;
  document.getElementById("consent-host").textContent = location.host;
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return dialog.returnValue === "yes";
}

export class ServerEngine {
  sends = true;
  provider = "server";

  /** @returns {Promise<ServerEngine>} with its `card`. */
  static async open() {
    const engine = new ServerEngine();
    engine.card = await answered(await fetch("/model/card.json"));
    return engine;
  }

  /**
   * As BrowserEngine.analyse does.
   *
   * @param {{bitmap: ImageBitmap, file: Blob | undefined}} given the file is sent as it is where there is one.
   */
  async analyse({ bitmap, file }) {
    const startedMs = performance.now();
    const { width, height } = bitmap;
    const body = file ?? (await jpeg(bitmap));
    bitmap.close();
    const headers = { "Content-Type": body.type || "application/octet-stream" };
    const { rows } = await answered(await fetch("/v1/analyze", { method: "POST", body, headers }));
    const unreadable = rows.find((row) => row.status !== "ok" && row.status !== "no_face");
    if (unreadable) throw new Error(unreadable.status.replace("unreadable: ", ""));
    const faces = rows.filter((row) => row.status === "ok").map(faceOf);
    return { width, height, faces, tookMs: performance.now() - startedMs };
  }
}

function faceOf(row) {
  return {
    boxXyxy: [row.x, row.y, row.x + row.width, row.y + row.height],
    score: row.face_score,
    probabilities: LABELS.map((label) => row[`p_${label}`]).filter((probability) => probability !== null),
    point: row.valence === null ? [] : [row.valence, row.arousal],
  };
}

async function answered(response) {
  if (response.ok) return response.json();
  throw new Error(await reasonOf(response));
}

function jpeg(bitmap) {
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
}
