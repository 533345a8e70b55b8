/** What computes, and where pictures go: said from what is so, not from what was meant. */

const PROVIDERS = { wasm: "WebAssembly", webgpu: "WebGPU" };

/** @param {object} engine as BrowserEngine and ServerEngine are. */
export function describeEngine(engine) {
  const { card } = engine;
  const threads = engine.threads > 1 ? `, ${engine.threads} threads` : ", one thread";
  const place = engine.sends
    ? `on the server at ${location.host}`
    : `in this page, with ${PROVIDERS[engine.provider]}${engine.provider === "wasm" ? threads : ""}`;
  const millions = (card.parameters / 1e6).toFixed(1);
  document.getElementById("model").textContent =
    `The network ${card.name} (${millions} million parameters, ${card.licence}) and ` +
    `the detector YuNet (MIT) run ${place}.`;
  if (!engine.sends) return;
  document.getElementById("privacy").classList.add("sends");
  document.getElementById("privacy-text").textContent = `Pictures are sent to ${location.host}`;
  document.getElementById("where").textContent =
    `To the server at ${location.host}, because this browser cannot run the network and you agreed. ` +
    "It keeps none of them. Reload the page to take that back.";
}
