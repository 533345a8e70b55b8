"""A data set's own names for expressions and splits, said explicitly, never guessed from an order."""

from collections.abc import Iterable

from affekt.errors import ConfigError, DataError
from affekt.labels import ALIASES, LABELS, canonical_label

SKIP = "skip"
"""Maps a name to nothing: its pictures are left out and counted."""

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def parse_map(pairs: Iterable[str]) -> dict[str, str]:
    """Read `name=label` pairs.

    Args:
        pairs: as in `("wütend=anger", "0=neutral", "blurred=skip")`.

    Returns:
        Each name, in lower case, with one of the eight labels or `SKIP`.

    Raises:
        ConfigError: a pair has no `=`, its label is unknown, or a name comes twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, label = pair.rpartition("=")
        if not equals or not name:
            raise ConfigError(f"expected name=label, got {pair!r}; type for example: --map angry=anger 0=neutral")
        if _key(name) in mapping:
            raise ConfigError(f"expected each name once in --map, got {name!r} twice; leave one of them out")
        try:
            mapping[_key(name)] = SKIP if label.strip().lower() == SKIP else canonical_label(label)
        except DataError as error:
            raise ConfigError(f"{error}, or to {SKIP!r}, in {pair!r}") from error
    return mapping


def resolve_labels(names: Iterable[str], mapping: dict[str, str], where: str) -> dict[str, str]:
    """Find the label of each name: the map first, then affekt's own names and their known aliases.

    Args:
        names: names as the data set writes them.
        mapping: what `parse_map` returned.
        where: said in the error, as in "folders of faces/".

    Returns:
        Each name with one of the eight labels or `SKIP`.

    Raises:
        DataError: a name is known to neither; the message lists all such names.
    """
    known = {label: label for label in LABELS} | ALIASES | mapping
    names = sorted(set(names))
    unknown = [name for name in names if _key(name) not in known]
    if unknown:
        listed = ", ".join(map(repr, unknown[:20])) + (" ..." if len(unknown) > 20 else "")
        raise DataError(
            f"expected names of expressions among the {where}, got {listed}; say what each means, as in: "
            f"--map {unknown[0]}=anger, or {unknown[0]}={SKIP} to leave it out"
        )
    return {name: known[_key(name)] for name in names}


def _key(name: str) -> str:
    return name.strip().lower()
