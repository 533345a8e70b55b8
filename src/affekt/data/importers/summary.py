"""What an import prints when it ends: what was kept, beside what was published, what was left out, and what is next."""

import textwrap

import polars as pl

from affekt.data.importers.engine import NAMES_SHOWN, ImportReport
from affekt.data.importers.found_face import NO_FACE
from affekt.labels import LABELS

SPLIT_ORDER = ("train", "val", "test")


def summary(report: ImportReport) -> str:
    """Lay out a report as aligned plain text, in blocks parted by blank lines."""
    blocks = [
        _headline(report),
        _split_table(report),
        _expression_table(report.manifest),
        _valence_arousal(report.manifest),
        _left_out(report),
        "\n".join(textwrap.fill(f"Note: {note}", 100, subsequent_indent="      ") for note in report.listing.notes),
        f"Next, look for leaks and bad labels:\n  affekt data check {report.path}",
    ]
    return "\n\n".join(block for block in blocks if block)


def table(header: tuple[str, ...], rows: list[tuple[str | int, ...]]) -> str:
    """Align rows under a header: the first column to the left, numbers to the right with thousands marked."""
    cells = [header, *([f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]).rstrip()
        for row in cells
    )


def _headline(report: ImportReport) -> str:
    sources = ", ".join(report.manifest["source"].unique(maintain_order=True))
    size = report.path.stat().st_size
    size_text = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
    resumed = f" ({report.resumed:,} were opened by an earlier run)" if report.resumed else ""
    return (
        f"{report.path}: {report.manifest.height:,} pictures of {sources}, {size_text}, "
        f"in {report.seconds:,.1f} s{resumed}"
    )


def _splits(manifest: pl.DataFrame, published: dict[str, int]) -> list[str]:
    names = {*manifest["split"].unique(), *published}
    return [name for name in SPLIT_ORDER if name in names] + sorted(names - set(SPLIT_ORDER))


def _split_table(report: ImportReport) -> str:
    published = report.listing.published
    kept = dict(report.manifest["split"].value_counts().iter_rows())
    splits = _splits(report.manifest, published)
    header = ("split", "kept", *(["published"] if published else []))
    rows = [(split, kept.get(split, 0), *([published.get(split, "-")] if published else [])) for split in splits]
    total = ("total", report.manifest.height, *([sum(published.values())] if published else []))
    return table(header, [*rows, total])


def _expression_table(manifest: pl.DataFrame) -> str:
    splits = _splits(manifest, {})
    emotions = manifest["emotion"].fill_null("no expression")
    rows: list[tuple[str | int, ...]] = []
    for label in (*LABELS, "no expression"):
        of_label = manifest.filter(emotions == label)
        if label in LABELS or not of_label.is_empty():
            counts = [int((of_label["split"] == split).sum()) for split in splits]
            rows.append((label, *counts, of_label.height, f"{of_label.height / manifest.height:.1%}"))
    return table(("expression", *splits, "total", "share"), rows)


def _valence_arousal(manifest: pl.DataFrame) -> str:
    rated = manifest.drop_nulls(["valence", "arousal"])
    if rated.is_empty():
        return ""
    origins = ", ".join(rated["valence_arousal_origin"].drop_nulls().unique(maintain_order=True)) or "origin unknown"
    rows: list[tuple[str | int, ...]] = []
    for name in ("valence", "arousal"):
        mean, spread, low, high = rated.select(
            pl.col(name).mean(),
            pl.col(name).std().alias("spread"),
            pl.col(name).min().alias("l"),
            pl.col(name).max().alias("h"),
        ).row(0)
        rows.append((name, rated.height, f"{mean:+.2f}", f"{spread or 0:.2f}", f"{low:+.2f}", f"{high:+.2f}"))
    return table((origins, "rows", "mean", "std", "min", "max"), rows)


def _left_out(report: ImportReport) -> str:
    rows: list[tuple[str | int, ...]] = list(report.listing.dropped.items())
    rows += [
        (reason if reason == NO_FACE else f"unreadable: {reason}", len(names))
        for reason, names in report.unreadable.items()
    ]
    if not rows:
        return "left out: nothing"
    total = sum(report.listing.dropped.values()) + sum(map(len, report.unreadable.values()))
    lines = [table(("left out", f"{total:,}"), rows)]
    for reason, names in report.unreadable.items():
        more = ", ..." if len(names) > NAMES_SHOWN else ""
        lines.append(f"{reason}: {', '.join(names[:NAMES_SHOWN])}{more}")
    return "\n".join(lines)
