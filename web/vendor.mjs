/**
 * Copy the files of onnxruntime-web that the page loads beside it, each checked against its hash in vendor.sha256, and
 * their licence, which npm does not bring.
 */

import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";

const FROM = new URL("node_modules/onnxruntime-web/dist/", import.meta.url);
const TO = new URL("../src/affekt/server/page/vendor/", import.meta.url);

await rm(TO, { recursive: true, force: true });
await mkdir(TO, { recursive: true });
const lines = (await readFile(new URL("vendor.sha256", import.meta.url), "utf8")).trim().split("\n");
for (const [expected, name] of lines.map((line) => line.split(/\s+/))) {
  const digest = createHash("sha256").update(await readFile(new URL(name, FROM))).digest("hex");
  if (digest !== expected) {
    throw new Error(`expected ${name} with sha256 ${expected}, got ${digest}; check what npm fetched`);
  }
  await copyFile(new URL(name, FROM), new URL(name, TO));
}
await copyFile(new URL("onnxruntime-web.LICENSE.txt", import.meta.url), new URL("LICENSE.txt", TO));
console.log(`${lines.length} files of onnxruntime-web and their licence copied to src/affekt/server/page/vendor`);
