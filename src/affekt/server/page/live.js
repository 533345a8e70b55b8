/** The camera, followed: its newest frame is read whenever the network is free. */

import { Camera } from "./camera.js";
import { Following } from "./people.js";
import { Rate } from "./view/rate.js";
import { counted, described } from "./view/words.js";

/** Pixels of the longer side in which faces are looked for: fewer than in pictures, for speed. */
const CAMERA_SIDE = 256;
/** A camera or film without faces is looked at again this often: turned, and at half the size. */
export const SECOND_LOOK_EVERY_S = 1;

const part = (id) => document.getElementById(id);

export class Live {
  #camera = new Camera(part("video"));
  #rate = new Rate(part("rate"));
  #page;
  #following = null;
  #isStarting = false;
  #cameras = 0;

  /**
   * @param {object} page with its `engine`, `desk`, `session` and `announcer`, and with `tell`, `saved` and `stopFilm`.
   */
  constructor(page) {
    this.#page = page;
    part("camera").addEventListener("click", () => (this.isOn ? this.stop() : this.start()));
    part("cameras").addEventListener("change", ({ target }) => this.start(target.value));
  }

  get isOn() {
    return this.#camera.isOn;
  }

  async start(deviceId) {
    if (this.#isStarting) return;
    this.#isStarting = true;
    const { engine, desk, strip, tell } = this.#page;
    try {
      await this.#camera.start(deviceId);
    } catch (error) {
      this.stop();
      tell(error.message);
      return;
    } finally {
      this.#isStarting = false;
    }
    this.#page.stopFilm();
    part("camera").textContent = "Stop camera";
    tell(engine.sends ? "The camera is on. Frames go to the server." : "The camera is on. Frames stay on this device.");
    strip.mark();
    desk.showCamera(this.#camera.isMirror);
    this.#list();
    await this.#follow(`camera-${++this.#cameras}`);
  }

  /** Stop the camera, if it is on. */
  stop() {
    if (part("camera").textContent !== "Start camera") this.#page.tell("The camera is off.");
    part("camera").textContent = "Start camera";
    part("cameras-label").hidden = true;
    this.#page.desk.endCamera();
    this.#rate.end();
    if (!this.isOn) return;
    this.#camera.stop();
    this.#page.desk.rest();
    this.#page.saved();
  }

  async #follow(name) {
    const { engine, desk, session, announcer } = this.#page;
    const mine = (this.#following = new Following());
    this.#rate.begin();
    const startedMs = performance.now();
    let frame = 0;
    let nextLookS = 0;
    try {
      for await (const bitmap of this.#camera.frames()) {
        const timeS = (performance.now() - startedMs) / 1000;
        // A second look at each frame without faces would cost the camera three quarters of its frames.
        const looksAgain = timeS >= nextLookS;
        if (looksAgain) nextLookS = timeS + SECOND_LOOK_EVERY_S;
        const { faces } = await engine.analyse({ bitmap, longestSide: CAMERA_SIDE, looksAgain });
        if (!this.isOn || this.#following !== mine) return;
        const people = mine.update(faces, timeS);
        session.add(name, people, { frame: frame++, timeS });
        desk.follow(people, mine, timeS);
        this.#page.saved();
        this.#rate.count(session.length);
        announcer.sayInPassing(inPassing(desk));
      }
    } catch (error) {
      this.stop();
      this.#page.tell(`The camera was stopped: ${error.message}`);
    }
  }

  async #list() {
    const devices = await this.#camera.list();
    part("cameras-label").hidden = devices.length < 2;
    const options = devices.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId));
    part("cameras").replaceChildren(...options);
    part("cameras").value = this.#camera.deviceId;
  }
}

function inPassing({ people, person }) {
  return person ? `${counted(people.length, "face")}. ${person.emotion ?? described(person)}` : "No face";
}
