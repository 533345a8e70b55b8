"""What a finished run tells the person who started it."""

from collections import Counter
from dataclasses import dataclass, field

from affekt.analysis.analyzer import Answer
from affekt.analysis.inputs import told_of_passed_over
from affekt.analysis.rows import origin_words
from affekt.labels import LABELS


@dataclass
class Summary:
    """Counts over the rows of many inputs."""

    passed_over: Counter[str] = field(default_factory=Counter)
    """Files in the folders that are not named like pictures or videos, by their ending."""
    valence_arousal_origin: str | None = None
    """What the model's valence and arousal are, as its card says."""
    inputs: int = 0
    frames: int = 0
    """Frames of videos that were looked at."""
    faces: int = 0
    without_face: int = 0
    animated: int = 0
    """Pictures that move or have pages, of which the first was looked at."""
    problems: Counter[str] = field(default_factory=Counter)
    """Inputs that could not be read, by cause."""
    expressions: Counter[str | None] = field(default_factory=Counter)
    """Faces by expression; None where the model was not sure enough. One that names none counts nothing here."""

    def add(self, answer: Answer) -> None:
        """Count the rows of one picture or frame."""
        self.inputs += answer.ends
        self.frames += any(row["time_s"] is not None for row in answer.rows)
        self.animated += any(row["frame"] is not None and row["time_s"] is None for row in answer.rows)
        for row in answer.rows:
            if row["status"] == "ok":
                self.faces += 1
                if row["confidence"] is not None:
                    self.expressions[row["emotion"]] += 1
            elif row["status"] == "no_face":
                self.without_face += 1
            else:
                self.problems[row["status"].removeprefix("unreadable: ")] += 1

    @property
    def failed(self) -> int:
        """Inputs that could not be read."""
        return self.problems.total()

    def notes(self) -> list[str]:
        """Return what the table's reader should know of its pictures, a sentence each."""
        if not self.animated:
            return []
        return [f"of {_counted(self.animated, 'picture')} with several frames or pages the first was looked at"]

    def lines(self) -> list[str]:
        """Return the summary for a person."""
        frames = f" with {_counted(self.frames, 'frame')} of video" if self.frames else ""
        lines = [f"{_counted(self.inputs, 'input')}{frames}: {_counted(self.faces, 'face')}"]
        if self.without_face:
            lines.append(f"  {self.without_face:,} without a face (if each is a face already, type --faces whole)")
        if self.failed:
            lines.append(f"  {self.failed} unreadable")
            lines += [f"    {count} {cause}" for cause, count in self.problems.most_common()]
        lines += [f"  {note}" for note in self.notes()]
        if self.faces and (origin := origin_words(self.valence_arousal_origin)):
            lines.append(f"  valence and arousal are {origin}")
        lines += [f"  {sentence}" for sentence in told_of_passed_over(self.passed_over)]
        counted = [(label or "unsure", self.expressions[label]) for label in (*LABELS, None) if self.expressions[label]]
        width = max((len(label) for label, _ in counted), default=0)
        lines += [f"  {label:<{width}}  {count}" for label, count in counted]
        return lines


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
