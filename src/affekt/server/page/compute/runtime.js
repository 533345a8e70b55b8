/** onnxruntime-web as this browser runs it fastest: WebGPU where there is a graphics card, else WebAssembly. */

const VENDOR = new URL("../vendor/", import.meta.url).href;
/** More threads than this do not pay for networks as small as these; one core is left to draw the page. */
const MOST_THREADS = 4;

/**
 * @param {"auto" | "webgpu" | "wasm"} wanted
 * @returns {Promise<{ort: object, provider: "webgpu" | "wasm", threads: number}>}
 */
export async function openRuntime(wanted) {
  const provider = wanted === "auto" ? ((await hasGraphicsCard()) ? "webgpu" : "wasm") : wanted;
  const ort = await import(`${VENDOR}ort.${provider}.min.mjs`);
  // Threads share memory, which browsers allow only on pages that are isolated from other origins.
  const spare = Math.max(1, (navigator.hardwareConcurrency || 1) - 1);
  const threads = globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, spare) : 1;
  ort.env.wasm.wasmPaths = VENDOR;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  return { ort, provider, threads };
}

async function hasGraphicsCard() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
}
