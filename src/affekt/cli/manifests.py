"""`affekt data check` and `affekt data split`: what is done with a manifest that is there already."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from affekt.cli.arguments import parsed
from affekt.cli.next_steps import after_manifest
from affekt.terminal import printable


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """Report counts by class and split, bad labels, tiny and unreadable pictures, and leaks between splits."""

    manifest: Positional[Path]
    """The manifest, as affekt data import writes it."""
    drop_leaks: Path | None = None
    """Write the manifest without leaks here, and exit with 0."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Divide all rows anew into train, val and test, each expression by the same shares.

    No person and no copy of a picture stands in two splits.
    """

    manifest: Positional[Path]
    """The manifest, as affekt data import writes it."""
    out: Path
    """The manifest to write, with the new splits."""
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
    """Shares of train, val and test, which sum to 1; a share of 0 leaves a split out."""
    by: Literal["auto", "subject"] = "auto"
    """subject refuses rows of which the person is unknown; auto takes each of them for a person of its own."""
    subject_pattern: str | None = None
    """Where the person stands in the pictures' names: '{subject}_*' reads anna in happy/anna_1.png."""
    seed: int = 0
    """Decides who goes where."""


def check(arguments: list[str]) -> None:
    """Run `affekt data check`: print counts and faults of a manifest, exit with 1 on a leak or a wrong label."""
    options = parsed(CheckOptions, arguments, "affekt data check")

    from affekt.data.check import check_manifest, drop_leaks
    from affekt.data.importers.engine import made_by, refuse_place, write_made
    from affekt.data.manifest import read_manifest

    command = made_by("check", [options.manifest])
    if options.drop_leaks is not None:
        refuse_place(options.drop_leaks, command, [options.manifest], "--drop-leaks")
    frame = read_manifest(options.manifest, with_wrong_labels=True)
    report = check_manifest(frame)
    print(printable(report.text(), lines=True))
    path, before = options.drop_leaks or options.manifest, frame.height
    if options.drop_leaks is not None:
        frame = drop_leaks(frame)
        write_made(frame, path, command)
        print(f"\n{path}: {frame.height:,} rows without leaks, {before - frame.height:,} left out")
    elif report.has_leak:
        manifest = shlex.quote(str(path))
        print(f"\nTo leave the leaks out:\n  affekt data check {manifest} --drop-leaks clean.parquet")
    if options.drop_leaks is None and (report.has_leak or report.wrong_labels.height):
        raise SystemExit(1)
    print(f"\n{after_manifest(frame, path)}".rstrip())


def split(arguments: list[str]) -> None:
    """Run `affekt data split`, which prints how many rows of what went where."""
    options = parsed(SplitOptions, arguments, "affekt data split")

    from affekt.data.importers.engine import made_by, refuse_place, write_made
    from affekt.data.manifest import read_manifest
    from affekt.data.splits import require_subjects, split_rows, split_text, with_subjects

    command = made_by("split", [options.manifest])
    refuse_place(options.out, command, [options.manifest])
    manifest = read_manifest(options.manifest)
    if options.subject_pattern is not None:
        manifest = with_subjects(manifest, options.subject_pattern)
    if options.by == "subject":
        require_subjects(manifest, "keep people together")
    divided = split_rows(manifest, options.shares, options.seed)
    write_made(divided, options.out, command)
    print(printable(split_text(divided, options.seed), lines=True))
    print(f"\nwrote {printable(str(options.out))}\n\n{after_manifest(divided, options.out)}".rstrip())
