"""Manifest of the students' faces: news photographs and film frames, one student's label each.

    python results/wild/students.py students.tar students.parquet

Published under Apache-2.0 as muxspace/facial_expressions. `dev` are pictures whose label a second pair of eyes shares;
`students_checked.txt` has their numbers. Whoever is on them, and a fifth of the other people by the hash of their
names, are set apart, so that no person stands on both sides: `apart` are their further pictures, labels unchecked,
`train` everybody else's.
"""

import argparse
import re
from pathlib import Path

from tarred import labelled_pictures, share, with_face, write

SET_APART = 0.2
"""Share of the people that are set apart."""


def person(source_id: str) -> str:
    """Return whose picture it is: the name before the number."""
    return re.sub(r"_?[0-9]+[a-z]?$", "", source_id)


def main() -> None:
    """Write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tar", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checked", type=Path, default=Path(__file__).with_name("students_checked.txt"))
    options = parser.parse_args()
    checked = set(options.checked.read_text(encoding="utf-8").split())
    pictures = list(labelled_pictures(options.tar, "students"))
    on_checked = {person(label["source_id"]) for label, _ in pictures if Path(label["image"]).stem in checked}
    rows = []
    for label, image in pictures:
        subject = person(label["source_id"])
        if Path(label["image"]).stem in checked:
            split = "dev"
        else:
            split = "apart" if share(subject) < SET_APART or subject in on_checked else "train"
        row = {
            "split": split,
            "source": "students",
            "source_id": label["image"],
            "emotion": label["expression"] or None,
            "subject": subject,
        }
        rows.append(with_face(row, image))
    write(rows, options.out)


if __name__ == "__main__":
    main()
