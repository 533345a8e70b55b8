/** The page put together: pictures and camera in, the panel, the charts and the table out. */

import { Camera } from "./camera.js";
import { BrowserEngine } from "./engine.js";
import { Following, peopleOf } from "./people.js";
import { mayUseServer, ServerEngine } from "./remote.js";
import { Session } from "./session.js";
import { uprightBitmap } from "./upright.js";
import { Announcer } from "./view/announcer.js";
import { Circumplex } from "./view/circumplex.js";
import { takeFiles } from "./view/drops.js";
import { describeEngine } from "./view/facts.js";
import { Panel } from "./view/panel.js";
import { Rate } from "./view/rate.js";
import { Stage } from "./view/stage.js";
import { isCalm } from "./view/surface.js";
import { Timeline } from "./view/timeline.js";
import { counted, described, originWords } from "./view/words.js";

/** Pixels of the longer side in which faces are looked for: the command line's, and fewer where speed counts. */
const PICTURE_SIDE = 640;
const CAMERA_SIDE = 256;
/** A camera without faces before it is looked at again this often: turned, and at half the size. */
const SECOND_LOOK_EVERY_S = 1;
/** How often the charts are drawn while the camera runs, and for those who asked for little motion. */
const CHARTS_MS = 100;
const CALM_MS = 500;
/** Faces of a picture that are told of one by one. */
const MOST_TOLD = 8;

const part = (id) => document.getElementById(id);
const video = part("video");
const camera = new Camera(video);
const session = new Session();
const stage = new Stage(select);
const panel = new Panel(select);
const circumplex = new Circumplex();
const timeline = new Timeline();
const announcer = new Announcer();
const rate = new Rate(part("rate"));

let engine = null;
let people = [];
let selected = null;
let following = null;
let nowS = 0;
let reading = Promise.resolve();
/** How many pictures are still to be read, and what is told of those that were chosen with them. */
let toRead = 0;
let result = "";
let faults = [];
/** Pictures that came while the network was still loading. */
let early = [];
/** Stops the pictures that were chosen and are not read yet. */
let choice = new AbortController();
let isStarting = false;
let cameras = 0;
let chartedMs = -Infinity;

async function begin() {
  stage.welcome();
  show();
  try {
    engine = await BrowserEngine.open(new URLSearchParams(location.search).get("compute") ?? "auto");
    opened();
  } catch (error) {
    // A file that did not come says nothing of this browser, and is no reason to ask for pictures.
    if (error.isUnfetched) fail(`Nothing runs, and nothing was sent: ${error.message}. Reload the page to try again.`);
    else await askForServer(error.message);
  }
}

function fail(text) {
  early = [];
  tell(text);
  document.body.dataset.state = "failed";
}

async function askForServer(reason) {
  part("ask").hidden = true;
  // Who dropped them was told that they stay here.
  early = [];
  if (!(await mayUseServer(reason))) {
    tell(`Nothing runs, and nothing was sent: this browser cannot run the network (${reason}).`);
    document.body.dataset.state = "refused";
    part("ask").hidden = false;
    part("ask").onclick = () => askForServer(reason);
    return;
  }
  try {
    engine = await ServerEngine.open();
    opened();
  } catch (error) {
    fail(`The server cannot be used: ${error.message}`);
  }
}

function opened() {
  describeEngine(engine);
  circumplex.origin = originWords(engine.card.valence_arousal_origin);
  for (const id of ["camera", "files"]) part(id).disabled = false;
  tell(engine.sends ? "Ready. Pictures go to the server." : "Ready. Everything runs in this page.");
  document.body.dataset.state = "ready";
  readPictures(early.splice(0));
}

function isLoading() {
  return !document.body.dataset.state;
}

function tell(text) {
  part("status").textContent = text;
  announcer.say(text);
}

/** Pictures are read one after the other, in the order they came. */
function readPictures(files) {
  const { signal } = choice;
  if (engine) {
    if (!toRead) [result, faults] = ["", []];
    toRead += files.length;
    reading = files.reduce((before, file) => before.then(() => readPicture(file, signal)), reading);
  } else if (isLoading()) {
    early.push(...files);
    if (early.length) tell("Loading the network …, then the pictures are read.");
  }
  return reading;
}

async function readPicture(file, signal) {
  toRead -= 1;
  if (signal.aborted) return;
  stopCamera();
  following = null;
  tell(`Reading ${file.name} …`);
  // Also before the first row is there: it stops those that wait.
  part("forget").disabled = false;
  try {
    const bitmap = await uprightBitmap(file);
    signal.throwIfAborted();
    people = [];
    stage.showPicture(bitmap, file.name);
    timeline.isShown = false;
    const { faces } = await engine.analyse({ bitmap, file, longestSide: PICTURE_SIDE });
    signal.throwIfAborted();
    const found = peopleOf(faces);
    session.add(file.name, found);
    saved();
    // The camera may have been started meanwhile.
    if (camera.isOn) return;
    people = found;
    select(people[0]?.key ?? null);
    result = `${file.name}: ${inFull(people)}`;
  } catch (error) {
    if (signal.aborted) return;
    session.addUnreadable(file.name, error.message);
    saved();
    faults.push(`${file.name} cannot be read: ${error.message}`);
  }
  // A file that cannot be read takes nothing away from those that can.
  tell([result, ...faults].filter(Boolean).join(" · "));
}

async function toggleCamera() {
  if (camera.isOn) stopCamera();
  else await startCamera();
}

async function startCamera(deviceId) {
  if (isStarting) return;
  isStarting = true;
  try {
    await camera.start(deviceId);
  } catch (error) {
    stopCamera();
    tell(error.message);
    return;
  } finally {
    isStarting = false;
  }
  part("camera").textContent = "Stop camera";
  tell(engine.sends ? "The camera is on. Frames go to the server." : "The camera is on. Frames stay on this device.");
  stage.showCamera(camera.isMirror);
  timeline.isShown = true;
  stage.glide(true);
  listCameras();
  await follow(`camera-${++cameras}`);
}

async function follow(name) {
  const mine = (following = new Following());
  people = [];
  rate.begin();
  const startedMs = performance.now();
  let frame = 0;
  let nextLookS = 0;
  try {
    for await (const bitmap of camera.frames()) {
      const timeS = (performance.now() - startedMs) / 1000;
      // A second look at each frame without faces would cost the camera three quarters of its frames.
      const looksAgain = timeS >= nextLookS;
      if (looksAgain) nextLookS = timeS + SECOND_LOOK_EVERY_S;
      const { faces } = await engine.analyse({ bitmap, longestSide: CAMERA_SIDE, looksAgain });
      if (!camera.isOn || following !== mine) return;
      nowS = timeS;
      people = following.update(faces, timeS);
      session.add(name, people, { frame: frame++, timeS });
      if (!people.some(({ key }) => key === selected)) selected = people[0]?.key ?? selected;
      // Drawn in the browser's own time: the next frame goes to the worker first.
      requestAnimationFrame(show);
      rate.count(session.length);
      announcer.sayInPassing(inPassing());
    }
  } catch (error) {
    stopCamera();
    tell(`The camera was stopped: ${error.message}`);
  }
}

/** The surest faces each with its words: nobody listens to sixty. */
function inFull(found) {
  const told = [counted(found.length, "face"), ...found.slice(0, MOST_TOLD).map(described)];
  if (found.length > MOST_TOLD) told.push(`${found.length - MOST_TOLD} more are in the table`);
  return told.join(". ");
}

function inPassing() {
  const person = people.find(({ key }) => key === selected);
  return person ? `${counted(people.length, "face")}. ${person.emotion ?? described(person)}` : "No face";
}

function stopCamera() {
  if (part("camera").textContent !== "Start camera") tell("The camera is off.");
  part("camera").textContent = "Start camera";
  part("cameras-label").hidden = true;
  stage.glide(false);
  rate.end();
  if (!camera.isOn) return;
  camera.stop();
  people = [];
  welcome();
  show();
  saved();
}

async function listCameras() {
  const devices = await camera.list();
  part("cameras-label").hidden = devices.length < 2;
  const options = devices.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId));
  part("cameras").replaceChildren(...options);
  part("cameras").value = camera.deviceId;
}

function welcome() {
  stage.welcome();
  timeline.isShown = true;
}

function select(key) {
  selected = key;
  chartedMs = -Infinity;
  show();
}

function show() {
  const person = people.find(({ key }) => key === selected);
  const sinceMs = performance.now() - chartedMs;
  stage.mark(people, selected);
  if (isCalm() && sinceMs < CALM_MS) return;
  panel.show(people, person);
  if (sinceMs < CHARTS_MS) return;
  chartedMs = performance.now();
  const past = following?.past(selected) ?? [];
  circumplex.show(person, past);
  timeline.show(past, following ? nowS : 0);
  saved();
}

function saved() {
  for (const id of ["save", "forget"]) part(id).disabled = session.length === 0;
}

function save() {
  const address = URL.createObjectURL(new Blob([session.csv()], { type: "text/csv" }));
  const when = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  Object.assign(document.createElement("a"), { href: address, download: `affekt-${when}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  tell(`${counted(session.length, "row")} saved.`);
}

function forget() {
  stopCamera();
  choice.abort();
  choice = new AbortController();
  session.clear();
  following = null;
  people = [];
  welcome();
  select(null);
  tell("Everything is forgotten.");
}

part("camera").addEventListener("click", toggleCamera);
part("cameras").addEventListener("change", ({ target }) => startCamera(target.value));
part("files").addEventListener("change", ({ target }) => {
  readPictures([...target.files]);
  target.value = "";
});
part("save").addEventListener("click", save);
part("forget").addEventListener("click", forget);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => select(selected));
addEventListener("resize", () => select(selected));
takeFiles(() => Boolean(engine) || isLoading(), readPictures);
begin();
