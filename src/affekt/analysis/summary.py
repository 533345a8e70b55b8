"""What a run tells the person who started it: a line per input, and counts at the end, pictures and videos apart."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from affekt.analysis.inputs import is_camera
from affekt.analysis.rows import Answer, Row, origin_words
from affekt.labels import ordered_labels
from affekt.terminal import printable, text_table

CAMERA_LINES_S = 1.0
"""Seconds between the lines that tell of a camera while it runs."""
NO_FACE = "(if each is a face already: --faces whole, or faces='whole')"


def told(answers: Iterable[Answer], videos: Collection[str]) -> Iterator[str]:
    """Yield a line for each picture, one for each face where it has several, and lines for each person of a video.

    `videos` are those of the inputs that are videos or cameras.
    """
    people: defaultdict[int, list[Row]] = defaultdict(list)
    frames, due_s = 0, 0.0
    for answer in answers:
        time_s = answer.rows[0]["time_s"] if answer.rows else None
        if answer.input not in videos:
            if not answer.rows:  # the end of an archive
                continue
            yield f"{printable(answer.input)}: {_seen(answer.rows)}"
            continue
        if time_s is not None:
            frames += 1
            if is_camera(answer.input) and time_s >= due_s:
                due_s = time_s + CAMERA_LINES_S
                yield f"{time_s:.0f} s: {_seen(answer.rows)}"
        for row in answer.rows:
            if row["track"] is not None:
                people[row["track"]].append({name: row[name] for name in ("emotion", "valence", "arousal")})
            elif row["status"] not in ("ok", "no_face"):
                yield f"{printable(answer.input)}: {printable(row['status'])}"
        if answer.ends:
            if frames:
                seen = counted(len(people), "person", "people")
                yield f"{printable(answer.input)}: {counted(frames, 'frame')}, {seen}"
            yield from (f"  person {track}: {_over_time(people[track])}" for track in sorted(people))
            people.clear()
            frames, due_s = 0, 0.0


def _seen(rows: list[Row]) -> str:
    faces = [row for row in rows if row["status"] == "ok"]
    if not faces:
        return printable(rows[0]["status"]).replace("no_face", "no face")
    if len(faces) == 1:
        return f"one face, {_look(faces[0])}"
    return "\n".join([f"{len(faces)} faces", *(f"  face {row['face']}: {_look(row)}" for row in faces)])


def _look(face: Row) -> str:
    words = []
    if face["confidence"] is not None:
        # No model is ever wholly sure, whatever rounding says.
        words.append(f"{face['emotion'] or 'unsure'} {min(face['confidence'], 0.99):.2f}")
    return ", ".join([*words, *(f"{name} {_signed(face[name])}" for name in _dimensions(face))])


def _over_time(rows: list[Row]) -> str:
    ((emotion, count),) = Counter(row["emotion"] for row in rows).most_common(1)
    words = [f"mostly {emotion}, in {count:,} of {counted(len(rows), 'frame')}" if emotion else "mostly unsure"]
    means = {name: sum(row[name] for row in rows) / len(rows) for name in _dimensions(rows[0])}
    return ", ".join([*words, *(f"mean {name} {_signed(mean)}" for name, mean in means.items())])


def _dimensions(row: Row) -> list[str]:
    return [name for name in ("valence", "arousal") if row[name] is not None]


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # zero has no minus


def counted(number: int, thing: str, several: str = "") -> str:
    """Return a number and what it counts: 1 face, 2 faces."""
    return f"{number:,} {thing if number == 1 else several or f'{thing}s'}"


@dataclass
class Counts:
    """What was found in all pictures, or in all videos."""

    inputs: int = 0
    frames: int = 0
    faces: int = 0
    no_face: int = 0
    left_out: int = 0
    people: int = 0
    expressions: Counter[str] = field(default_factory=Counter)
    """Faces by expression, or `unsure`; a model that names none counts nothing here."""


@dataclass
class Summary:
    """Counts over the rows of many inputs."""

    video_names: Collection[str] = ()
    """Those of the inputs that are videos or cameras."""
    pictures: Counts = field(default_factory=Counts)
    videos: Counts = field(default_factory=Counts)
    problems: Counter[str] = field(default_factory=Counter)
    """Inputs that could not be read, by cause."""
    not_drawn: list[str] = field(default_factory=list)
    """Why copies or timelines of videos are missing."""
    animations: int = 0
    """Pictures with several frames, whose first was looked at."""
    _people: int = 0
    _is_read: bool = False
    """Whether something of the picture or video at hand was read: what is unreadable counts as neither."""

    def add(self, answer: Answer) -> None:
        """Count the rows of one picture or frame."""
        rows, found = answer.rows, self.videos if answer.input in self.video_names else self.pictures
        # An archive holds many pictures, and a video many frames.
        is_frame = any(row["time_s"] is not None for row in rows)
        self._is_read |= is_frame or not rows or any(row["status"] in ("ok", "no_face") for row in rows)
        found.inputs += (answer.ends if found is self.videos else bool(rows)) and self._is_read
        self._is_read &= not answer.ends and found is self.videos
        found.frames += is_frame
        found.faces += sum(row["status"] == "ok" for row in rows)
        found.left_out += answer.left_out
        found.no_face += sum(row["status"] == "no_face" for row in rows)
        found.expressions.update(row["emotion"] or "unsure" for row in rows if row["confidence"] is not None)
        self._people = max([self._people, *(row["track"] or 0 for row in rows)])
        if answer.ends:
            found.people, self._people = found.people + self._people, 0
        self.animations += any(row["frame"] is not None and row["time_s"] is None for row in rows)
        bad = (row["status"] for row in rows if row["status"] not in ("ok", "no_face"))
        self.problems.update(status.removeprefix("unreadable: ") for status in bad)

    def notes(self) -> list[str]:
        """Return what the table's reader should know of its pictures, a sentence each."""
        if not self.animations:
            return []
        return [f"of {counted(self.animations, 'picture')} with several frames or pages the first was looked at"]

    def lines(self, origin: str | None, passed_over: list[str]) -> list[str]:
        """Return the summary for a person; `origin` as in the card, and sentences on the files passed over."""
        pictures, videos, lines = self.pictures, self.videos, list[str]()
        if pictures.inputs:
            lines.append(f"{counted(pictures.inputs, 'picture')}: {counted(pictures.faces, 'face')}")
            if pictures.no_face:
                lines.append(f"  {pictures.no_face:,} without a face {NO_FACE}")
            lines += _left_out(pictures) + _expressions(pictures)
        if videos.inputs:
            faces = f"{counted(videos.faces, 'face')} of {counted(videos.people, 'person', 'people')}"
            lines.append(f"{counted(videos.inputs, 'video')}, {counted(videos.frames, 'frame')}: {faces}")
            if videos.no_face:
                lines.append(f"  {counted(videos.no_face, 'frame')} without a face {NO_FACE}")
            lines += _left_out(videos) + _expressions(videos)
        if self.problems:
            lines.append(f"{self.problems.total()} unreadable")
            lines += [f"  {count} {cause}" for cause, count in self.problems.most_common()]
        if self.not_drawn:
            lines.append(f"{counted(len(self.not_drawn), 'input')} not drawn")
            lines += [f"  {why}" for why in self.not_drawn]
        lines += self.notes()
        if pictures.faces + videos.faces and (words := origin_words(origin)):
            were = "were learnt from values that are" if "%" in words else "are"
            lines.append(f"valence and arousal {were} {words}")
        return lines + passed_over


def _left_out(counts: Counts) -> list[str]:
    return [f"  {counted(counts.left_out, 'more face')} left out, as the options ask"] if counts.left_out else []


def _expressions(counts: Counts) -> list[str]:
    named = ordered_labels(counts.expressions.keys() - {"unsure"})
    found = [(label, counts.expressions[label]) for label in (*named, "unsure") if counts.expressions[label]]
    return [f"  {line}" for line in text_table(found).splitlines()]
