"""The shape of the source, so that a stranger can read it: sizes, signatures, imports."""

from house import HERE, LONGEST_FILE, House

HOUSE = House(HERE / "src" / "affekt")


def test_no_file_is_too_long():
    assert not {name: lines for name, lines in HOUSE.lines.items() if lines > LONGEST_FILE}
