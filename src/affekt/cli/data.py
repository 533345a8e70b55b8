"""`affekt data`: import a data set into a manifest, or check one."""

import difflib
import importlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, make_dataclass
from pathlib import Path

from affekt.errors import ConfigError
from affekt.terminal import decoders_silent, printable, text_table

IMPORTERS = {
    "affectnet": ("affectnet.AffectNet", "AffectNet, the 2017 csv release or the 2021 npy release"),
    "ferplus": ("ferplus.FerPlus", "FER+, ten taggers' votes on FER2013's pictures"),
    "fer2013": ("fer2013.Fer2013", "FER2013 with its own seven labels: csv, tar.gz or folders"),
    "rafdb": ("rafdb.RafDb", "RAF-DB, basic expressions"),
    "afewva": ("afewva.AfewVa", "AFEW-VA, clips with valence and arousal per frame"),
    "folder": ("own.Folder", "one folder per expression, by a map from names to labels"),
    "csv": ("own.Csv", "any csv, by the names of its columns"),
}
"""Name on the command line, class in `affekt.data.importers`, and one line of help."""

HELP = """\
usage: affekt data {import,check} ...

  import  turn a data set on disk into a manifest: affekt data import NAME ... --out faces.parquet
  check   report counts, bad labels, unreadable pictures and leaks: affekt data check faces.parquet

Each explains itself: affekt data import --help"""

IMPORT_HELP = f"""\
usage: affekt data import NAME ... [--out faces.parquet] [--faces yunet] [--jobs N]

{text_table([(f"  {name}", line) for name, (_, line) in IMPORTERS.items()], left=2)}

Pictures are opened once and read in place afterwards; a stopped import continues with the same command.
Each explains itself: affekt data import ferplus --help"""


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
    verbs = {"import": import_data, "check": check}
    if verb in ("-h", "--help"):
        print(HELP)
    elif verb in verbs:
        with decoders_silent():
            verbs[verb](rest)
    else:
        near = _nearest(verb, verbs)
        raise ConfigError(f"expected import or check after affekt data, got {verb!r}; type: affekt data {near}")


def import_data(arguments: list[str]) -> None:
    """Run `affekt data import`, which prints what came of it."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(IMPORT_HELP)
        return
    if name not in IMPORTERS:
        raise ConfigError(
            f"expected a data set among {', '.join(IMPORTERS)}, got {name!r}; "
            f"type: affekt data import {_nearest(name, IMPORTERS)}"
        )
    from affekt.cli.arguments import parsed
    from affekt.data.importers.engine import ImportOptions, import_dataset

    importer = importer_class(name)
    # One command line with the importer's own options and those of every import.
    command = make_dataclass(importer.__name__, [], bases=(ImportOptions, importer), frozen=True, kw_only=True)
    options = parsed(command, rest, f"affekt data import {name}", description=IMPORTERS[name][1])
    print(printable(import_dataset(options, options).text()))


def importer_class(name: str) -> type:
    """Return the importer of a name, the only one that is loaded."""
    module, class_name = IMPORTERS[name][0].split(".")
    return getattr(importlib.import_module(f"affekt.data.importers.{module}"), class_name)


def check(arguments: list[str]) -> None:
    """Run `affekt data check`: print counts and faults of a manifest, exit with 1 on a leak or a wrong label."""
    import tyro

    from affekt.cli.arguments import parsed

    options = parsed(CheckOptions, arguments, "affekt data check", config=(tyro.conf.PositionalRequiredArgs,))

    from affekt.data.check import check_manifest, drop_leaks, training_advice
    from affekt.data.manifest import read_manifest, write_manifest

    frame = read_manifest(options.manifest, with_wrong_labels=True)
    report = check_manifest(frame)
    print(printable(report.text()))
    path, before = options.drop_leaks or options.manifest, frame.height
    if options.drop_leaks is not None:
        frame = drop_leaks(frame)
        write_manifest(frame, path)
        print(f"\n{path}: {frame.height:,} rows without leaks, {before - frame.height:,} left out")
    elif report.has_leak:
        manifest = shlex.quote(str(path))
        print(f"\nTo leave the leaks out:\n  affekt data check {manifest} --drop-leaks clean.parquet")
    if options.drop_leaks is None and (report.has_leak or report.wrong_labels.height):
        raise SystemExit(1)
    print(f"\n{training_advice(frame, path)}".rstrip())


def _nearest(name: str, names: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(name.lower(), list(names), n=1)), "--help")
