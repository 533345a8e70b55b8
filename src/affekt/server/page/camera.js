/** The camera: started and stopped by the person, its newest frame whenever the network is free. */

const WANTED = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };

export class Camera {
  #video;
  #stream = null;
  #newest = 0;
  #wake = () => {};

  /** @param {HTMLVideoElement} video shows what the camera sees. */
  constructor(video) {
    this.#video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  /** Whether people see themselves in it, and so expect a mirror. */
  get isMirror() {
    return this.#stream?.getVideoTracks()[0].getSettings().facingMode !== "environment";
  }

  get deviceId() {
    return this.#stream?.getVideoTracks()[0].getSettings().deviceId;
  }

  /**
   * Start, or change to another camera.
   *
   * @throws {Error} with one sentence for the person.
   */
  async start(deviceId) {
    this.stop();
    if (!navigator.mediaDevices) {
      throw new Error("The browser gives the camera only to https pages and to localhost: open the page there.");
    }
    const choice = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...choice }, audio: false });
    } catch (error) {
      throw new Error(whyNot(error), { cause: error });
    }
    this.#stream.getVideoTracks()[0].addEventListener("ended", () => this.stop());
    this.#video.srcObject = this.#stream;
    await this.#video.play();
    this.#watch(this.#stream);
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#wake();
  }

  /** Yield frames until the camera stops: each the newest there is, none twice, those in between left out. */
  async *frames() {
    const stream = this.#stream;
    let last = 0;
    while (this.#stream === stream && stream) {
      if (this.#newest === last) {
        await new Promise((resolve) => (this.#wake = resolve));
        continue;
      }
      last = this.#newest;
      yield await createImageBitmap(this.#video);
    }
  }

  /** Names of the cameras, which browsers tell once one of them is allowed. */
  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter(({ kind }) => kind === "videoinput");
  }

  #watch(stream) {
    const seen = () => {
      if (this.#stream !== stream) return;
      this.#newest++;
      this.#wake();
      onNextFrame(this.#video, seen);
    };
    onNextFrame(this.#video, seen);
  }
}

/** Call once when a video shows its next frame; where the browser does not tell, when the screen is next drawn. */
export function onNextFrame(video, call) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(call);
  else requestAnimationFrame(call);
}

function whyNot(error) {
  const reasons = {
    NotAllowedError: "The camera was not allowed: allow it in the browser's address bar, then press the button again.",
    NotFoundError: "No camera was found: connect one, or choose a picture.",
    NotReadableError: "The camera is in use by another program: close that one, then press the button again.",
  };
  return reasons[error.name] ?? `The camera does not start: ${error.message}`;
}
