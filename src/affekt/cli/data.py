"""`affekt data`: import a data set into a manifest, or check one."""

import difflib
import importlib
import sys
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from affekt.errors import ConfigError

if TYPE_CHECKING:
    from affekt.data.importers.found_face import FaceBoxes

IMPORTERS = {
    "affectnet": ("affectnet", "AffectNet", "AffectNet, the 2017 csv release or the 2021 npy release"),
    "ferplus": ("ferplus", "FerPlus", "FER+, ten taggers' votes on FER2013's pictures"),
    "fer2013": ("fer2013", "Fer2013", "FER2013 with its own seven labels: csv, tar.gz or folders"),
    "rafdb": ("rafdb", "RafDb", "RAF-DB, basic expressions"),
    "afewva": ("afewva", "AfewVa", "AFEW-VA, clips with valence and arousal a frame"),
    "folder": ("folder", "Folder", "a folder an expression, by a map from names to labels"),
    "csv": ("csv_table", "Csv", "any csv, by the names of its columns"),
}
"""Name on the command line, module in `affekt.data.importers`, class, and one line of help."""

HELP = """\
usage: affekt data {import,check} ...

  import  turn a data set on disk into a manifest: affekt data import NAME ... --out faces.parquet
  check   report counts, bad labels, unreadable pictures and leaks: affekt data check faces.parquet

Each explains itself: affekt data import --help"""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Report counts by class and split, bad labels, tiny and unreadable pictures, and leaks between splits."""

    manifest: Path
    """The manifest, as affekt data import writes it."""
    drop_leaks: Path | None = None
    """Write the manifest without leaks here, and exit with 0."""


def main(arguments: list[str]) -> None:
    """Run `affekt data`."""
    verb, *rest = arguments or ["--help"]
    if verb in ("-h", "--help"):
        print(HELP)
    elif verb == "import":
        import_data(rest)
    elif verb == "check":
        check(rest)
    else:
        near = _nearest(verb, ["import", "check"])
        raise ConfigError(f"expected import or check after affekt data, got {verb!r}; type: affekt data {near}")


def import_help() -> str:
    """Return what `affekt data import --help` prints."""
    width = max(map(len, IMPORTERS))
    lines = "\n".join(f"  {name:<{width}}  {line}" for name, (_, _, line) in IMPORTERS.items())
    return (
        f"usage: affekt data import NAME ... [--out faces.parquet] [--faces yunet] [--jobs N]\n\n{lines}\n\n"
        "Pictures are opened once and read in place afterwards; a stopped import continues with the same command.\n"
        "Each explains itself: affekt data import ferplus --help"
    )


def import_data(arguments: list[str]) -> None:
    """Run `affekt data import`: list the data set, open its pictures, write the manifest, say what came of it.

    Raises:
        ConfigError: there is no such importer.
        DataError: the data set is not there or not whole, or the manifest cannot be written.
    """
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(import_help())
        return
    if name not in IMPORTERS:
        raise ConfigError(
            f"expected a data set among {', '.join(IMPORTERS)}, got {name!r}; "
            f"type: affekt data import {_nearest(name, list(IMPORTERS))}"
        )
    importer, out, jobs, faces = parse_import(name, rest)

    from affekt.data.importers.engine import import_listing
    from affekt.data.importers.summary import summary

    try:
        report = import_listing(importer.list_rows(), out, jobs, faces=faces)
    except KeyboardInterrupt as stop:
        print(f"\naffekt: {stop.args[0] if stop.args else 'stopped; run the same command again'}", file=sys.stderr)
        raise SystemExit(130) from None
    print(summary(report))


def parse_import(name: str, arguments: list[str]) -> "tuple[Any, Path, int | None, FaceBoxes]":
    """Parse the options of one importer, which is the only one that is loaded.

    Returns:
        The importer, where to write the manifest, how many processes open pictures (None is one a core), and where the
        boxes of faces come from.
    """
    import tyro

    module, class_name, line = IMPORTERS[name]
    importer = getattr(importlib.import_module(f"affekt.data.importers.{module}"), class_name)
    out_help = "The manifest to write; parts of an unfinished import lie in a hidden folder beside it."
    jobs_help = "Processes that open pictures; one a core if left out."
    faces_help = (
        "given takes the data set's box, else the whole picture. yunet finds the face in each picture as predict "
        "does: the one on the data set's box, else the largest; pictures without a face are left out."
    )
    further = [
        ("out", Annotated[Path, tyro.conf.arg(help=out_help)], Path("faces.parquet")),
        ("faces", Annotated[Literal["given", "yunet"], tyro.conf.arg(help=faces_help)], "given"),
        ("jobs", Annotated[int | None, tyro.conf.arg(help=jobs_help, metavar="N")], None),
    ]
    command_line = make_dataclass(class_name, further, bases=(importer,), frozen=True, kw_only=True)
    options = tyro.cli(command_line, args=arguments, prog=f"affekt data import {name}", description=line)
    if options.jobs is not None and options.jobs < 1:
        raise ConfigError(f"expected at least one process, got --jobs {options.jobs}; leave it out for one a core")
    return options, options.out, options.jobs, options.faces


def check(arguments: list[str]) -> None:
    """Run `affekt data check`: print counts and faults of a manifest, exit with 1 on a leak or a wrong label.

    Raises:
        DataError: the manifest is missing or broken, or the clean one cannot be written, as with wrong labels.
    """
    import tyro

    options = tyro.cli(
        CheckOptions, args=arguments, prog="affekt data check", config=(tyro.conf.PositionalRequiredArgs,)
    )

    from affekt.data.check import check_manifest, drop_leaks
    from affekt.data.manifest import read_manifest, write_manifest

    frame = read_manifest(options.manifest, with_wrong_labels=True)
    report = check_manifest(frame)
    print(report.text())
    if options.drop_leaks is not None:
        clean = drop_leaks(frame)
        write_manifest(clean, options.drop_leaks)
        print(f"\n{options.drop_leaks}: {clean.height:,} rows without leaks, {frame.height - clean.height:,} left out")
    elif report.has_leak:
        print(f"\nTo leave the leaks out:\n  affekt data check {options.manifest} --drop-leaks clean.parquet")
    if options.drop_leaks is None and (report.has_leak or report.wrong_labels.height):
        raise SystemExit(1)


def _nearest(name: str, names: list[str]) -> str:
    return next(iter(difflib.get_close_matches(name.lower(), names, n=1)), "--help")
