/** Which face is whose from frame to frame, the counterpart of tracking.py: an alpha-beta filter for each person. */

/** Share of a box's distance from its prediction that is believed: the alpha. */
const POSITION_GAIN = 0.7;
/** Share of that distance, per second, that is believed of the velocity: the beta. */
const VELOCITY_GAIN = 0.2;
/** A velocity is taken over at least this time: over a millisecond any miss is a leap. */
const SHORTEST_S = 1 / 60;
/** Largest distance of a matched box from its prediction, in sides of the face; more for each second it was hidden. */
const FARTHEST = 1.0;

export class FaceTracker {
  #tracks = [];
  #next = 0;
  #updatedS = -Infinity;

  /**
   * @param {number} longestGapS a face that is hidden for longer comes back under another number; one that was there at
   *   the last look is known however long ago that was.
   */
  constructor(longestGapS = 1.0) {
    this.longestGapS = longestGapS;
  }

  /**
   * Number the faces of the next frame.
   *
   * @param {number[][]} boxes left, top, right, bottom in pixels, one per face.
   * @param {number} timeS when the frame was taken; never earlier than the one before.
   * @returns {number[]} a number per face, counted from 0 in the order of appearance.
   */
  update(boxes, timeS) {
    const earliestS = Math.min(timeS - this.longestGapS, this.#updatedS);
    this.#tracks = this.#tracks.filter((track) => track.timeS >= earliestS);
    this.#updatedS = timeS;
    const faces = boxes.map(([left, top, right, bottom]) => ({
      x: (left + right) / 2,
      y: (top + bottom) / 2,
      side: Math.max(Math.sqrt((right - left) * (bottom - top)), 1),
    }));
    const numbers = new Array(boxes.length).fill(-1);
    for (const [track, face] of closestPairs(this.#tracks, faces, timeS, this.longestGapS)) {
      move(track, faces[face], timeS);
      numbers[face] = track.number;
    }
    return numbers.map((number, face) => (number < 0 ? this.#begin(faces[face], timeS) : number));
  }

  #begin(face, timeS) {
    this.#tracks.push({ number: this.#next, ...face, velocityX: 0, velocityY: 0, timeS });
    return this.#next++;
  }
}

function predicted(track, timeS) {
  const passedS = timeS - track.timeS;
  return { x: track.x + track.velocityX * passedS, y: track.y + track.velocityY * passedS };
}

/** Pairs of a track and a face's place, each at most once, the closest first. */
function closestPairs(tracks, faces, timeS, longestGapS) {
  const candidates = tracks.flatMap((track) => {
    const there = predicted(track, timeS);
    const hiddenS = Math.min(timeS - track.timeS, longestGapS);
    return faces.map((face, place) => {
      const distance = Math.hypot(there.x - face.x, there.y - face.y) / Math.min(track.side, face.side);
      const away = (distance + Math.abs(Math.log(track.side / face.side))) / (1 + hiddenS);
      return { track, place, away };
    });
  });
  const near = candidates.filter(({ away }) => away <= FARTHEST).sort((one, other) => one.away - other.away);
  const pairs = [];
  const taken = new Set();
  for (const { track, place } of near) {
    if (taken.has(track) || taken.has(place)) continue;
    taken.add(track).add(place);
    pairs.push([track, place]);
  }
  return pairs;
}

function move(track, face, timeS) {
  const passedS = timeS - track.timeS;
  const there = predicted(track, timeS);
  const missedX = face.x - there.x;
  const missedY = face.y - there.y;
  track.x = there.x + POSITION_GAIN * missedX;
  track.y = there.y + POSITION_GAIN * missedY;
  const overS = Math.max(passedS, SHORTEST_S);
  track.velocityX += (VELOCITY_GAIN * missedX) / overS;
  track.velocityY += (VELOCITY_GAIN * missedY) / overS;
  track.side += POSITION_GAIN * (face.side - track.side);
  track.timeS = timeS;
}
