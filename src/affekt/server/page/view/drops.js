/** Files that are dropped on the page or pasted into it. */

/**
 * @param {() => boolean} areWanted whether files are taken now.
 * @param {(files: File[]) => void} take is given what came.
 */
export function takeFiles(areWanted, take) {
  const isFiles = (event) => areWanted() && event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const hint = (isShown) => (document.getElementById("dropping").hidden = !isShown);
  addEventListener("dragenter", (event) => isFiles(event) && hint(++depth > 0));
  addEventListener("dragleave", (event) => isFiles(event) && hint(--depth > 0));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    hint((depth = 0) > 0);
    take([...(event.dataTransfer?.files ?? [])]);
  });
  addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
}
