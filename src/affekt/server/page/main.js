/** The page put together: files and camera in, the panel, the charts and the tables out. */

import { Desk } from "./desk.js";
import { BrowserEngine } from "./engine.js";
import { Live } from "./live.js";
import { Reading } from "./reading.js";
import { mayUseServer, ServerEngine } from "./remote.js";
import { episodesCsv, Session } from "./session.js";
import { uprightBitmap } from "./upright.js";
import { Announcer } from "./view/announcer.js";
import { takeFiles } from "./view/drops.js";
import { describeEngine } from "./view/facts.js";
import { Strip } from "./view/strip.js";
import { counted } from "./view/words.js";

const SAMPLE = "sample.jpg";

const part = (id) => document.getElementById(id);

/** What the parts of the page share. */
const page = {
  engine: null,
  desk: new Desk(),
  session: new Session(),
  announcer: new Announcer(),
  strip: new Strip(lookAgain),
  tell,
  saved,
  stopFilm: () => page.reading.stopFilm(),
};
page.live = new Live(page);
page.reading = new Reading(page);
const { desk, session, strip } = page;

/** Files that came while the network was still loading. */
let early = [];

async function begin() {
  desk.clear();
  try {
    page.engine = await BrowserEngine.open(new URLSearchParams(location.search).get("compute") ?? "auto");
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
    page.engine = await ServerEngine.open();
    opened();
  } catch (error) {
    fail(`The server cannot be used: ${error.message}`);
  }
}

function opened() {
  describeEngine(page.engine);
  desk.card = page.engine.card;
  for (const id of ["camera", "files"]) part(id).disabled = false;
  tell(page.engine.sends ? "Ready. Pictures go to the server." : "Ready. Everything runs in this page.");
  document.body.dataset.state = "ready";
  read(early.splice(0));
}

function isLoading() {
  return !document.body.dataset.state;
}

function tell(text) {
  part("status").textContent = text;
  page.announcer.say(text);
}

function read(files) {
  if (page.engine) {
    page.reading.add(files);
  } else if (isLoading()) {
    early.push(...files);
    if (early.length) tell("Loading the network …, then the files are read.");
  }
}

async function readSample() {
  try {
    const answer = await fetch(SAMPLE);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    read([new File([await answer.blob()], SAMPLE, { type: "image/jpeg" })]);
  } catch (error) {
    tell(`The sample did not come: ${error.message}`);
  }
}

/** Show again what was read. */
async function lookAgain(item) {
  page.live.stop();
  if (item.fault) tell(item.fault);
  else if (item.film) await desk.showReview(item);
  else desk.showPicture(await uprightBitmap(item.file), item.name, item);
}

function saved() {
  for (const id of ["save", "forget"]) part(id).disabled = session.length === 0;
}

/** Give a file to the person, named by the moment. */
function give(blob, what) {
  const address = URL.createObjectURL(blob);
  const when = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  const name = what.replace("affekt", `affekt-${when}`);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function save() {
  give(new Blob([session.csv()], { type: "text/csv" }), "affekt.csv");
  tell(`${counted(session.length, "row")} saved.`);
}

function saveEpisodes() {
  const { name, watched } = desk.item;
  give(new Blob([episodesCsv(name, watched.episodes)], { type: "text/csv" }), "affekt-episodes.csv");
  tell(`${counted(watched.episodes.length, "episode")} saved.`);
}

async function saveTimeline() {
  give(await desk.timelinePicture(), "affekt-timeline.png");
  tell("The timeline is saved.");
}

function forget() {
  page.live.stop();
  page.reading.forget();
  session.clear();
  strip.clear();
  desk.clear();
  saved();
  tell("Everything is forgotten.");
}

part("files").addEventListener("change", ({ target }) => {
  read([...target.files]);
  target.value = "";
});
part("sample").addEventListener("click", readSample);
part("save").addEventListener("click", save);
part("save-episodes").addEventListener("click", saveEpisodes);
part("save-timeline").addEventListener("click", saveTimeline);
part("forget").addEventListener("click", forget);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => desk.select());
addEventListener("resize", () => desk.select());
takeFiles(() => Boolean(page.engine) || isLoading(), read);
begin();
