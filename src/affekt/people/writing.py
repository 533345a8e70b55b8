"""A summary on disk: csv, Parquet and Excel, and each video's episodes for players (WebVTT) and for ELAN."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import polars as pl

from affekt.analysis.inputs import place_below
from affekt.errors import ConfigError, needs_extra
from affekt.files import claim, made_here, write_parquet, write_text, written_whole
from affekt.people.options import Format, SummaryOptions
from affekt.terminal import printable

TABLES = ("people", "episodes", "bins", "baseline", "pictures", "codebook")
PAGE = "study.html"
METHODS = "methods.md"
IDENTIFIED = "identified.csv"
DIGITS = 6
MOST_ROWS = 1_048_575
"""Of a sheet in Excel, below its header."""


def write_tables(tables: dict[str, pl.DataFrame], methods: str, out: Path, options: SummaryOptions) -> list[Path]:
    """Write the tables in the formats asked for, `codebook` among them, and `methods.md`; return the files."""
    claim(out, files_of(out, options))
    times = tables["codebook"].filter(unit="s")["column"].unique().to_list()
    rounded = {name: _rounded(table, times) for name, table in tables.items()}
    written = []
    if "csv" in options.formats:
        written += [_write_csv(table, out / f"{name}.csv", options) for name, table in rounded.items()]
    if "parquet" in options.formats:
        for name, table in tables.items():
            written.append(out / f"{name}.parquet")
            write_parquet(table, written[-1])
    if "xlsx" in options.formats:
        written.append(_write_xlsx(rounded, out / "summary.xlsx"))
    for kind, ending, text in (("vtt", ".vtt", _vtt), ("elan", ".txt", _elan)):
        if kind in options.formats:
            inputs = tables["people"]["input"].unique(maintain_order=True).to_list() if "people" in tables else []
            written += _write_episodes(tables["episodes"], inputs, out / "episodes", ending, text)
    written.append(out / METHODS)
    write_text(written[-1], methods)
    # What an earlier summary wrote, and this one does not, would contradict it.
    for path in {*made_here(out, files_of(out, SummaryOptions(formats=get_args(Format))))} - {*written}:
        path.unlink()
    return written


def files_of(out: Path, options: SummaryOptions) -> list[Path]:
    """Return what a summary of these options may write over in its folder."""
    drawn = {"vtt": "episodes/**/*.vtt", "elan": "episodes/**/*.txt", "png": "figures/**/*.png"}
    drawn |= {"pdf": "figures/**/*.pdf"}
    names = [f"{name}.{ending}" for ending in ("csv", "parquet") if ending in options.formats for name in TABLES]
    names += ["summary.xlsx"] * ("xlsx" in options.formats) + [PAGE] * ("page" in options.formats) + [METHODS]
    names += [IDENTIFIED] * (options.identify is not None)
    found = [path for kind, pattern in drawn.items() if kind in options.formats for path in out.glob(pattern)]
    return [out / name for name in names] + found


def _rounded(table: pl.DataFrame, times: list[str]) -> pl.DataFrame:
    """Round times to milliseconds, whatever comes before the point, and other floats to six significant digits."""
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    others = [name for name in floats if name not in times]
    of_times = [name for name in floats if name in times]
    return table.with_columns(pl.col(of_times).round(3), pl.col(others).round_sig_figs(DIGITS))


def _write_csv(table: pl.DataFrame, path: Path, options: SummaryOptions) -> Path:
    is_comma = options.decimal == ","
    with written_whole(path) as temporary:
        table.write_csv(
            temporary,
            include_bom=options.byte_order_mark,
            decimal_comma=is_comma,
            separator=";" if is_comma else ",",
            check_extension=False,
        )
    return path


def _write_xlsx(tables: dict[str, pl.DataFrame], path: Path) -> Path:
    with needs_extra("excel"):
        from xlsxwriter import Workbook
    if (bins := len(tables.get("bins", ()))) > MOST_ROWS:
        raise ConfigError(f"expected at most {MOST_ROWS:,} bins for xlsx, got {bins:,}; raise bin_s: --bin-s 10")
    # A name such as =1+1 stays a name.
    as_text = {"strings_to_formulas": False, "strings_to_urls": False}
    with written_whole(path) as temporary, Workbook(str(temporary), as_text) as book:
        for name, table in tables.items():
            table.write_excel(book, name, dtype_formats={pl.Float64: "General"}, freeze_panes=(1, 0), autofit=True)
    return path


def _write_episodes(
    episodes: pl.DataFrame, inputs: list[str], folder: Path, ending: str, text: Callable[[pl.DataFrame], str]
) -> list[Path]:
    written: list[Path] = []
    for name in inputs:
        path = place_below(folder, name, ending)
        path = place_below(folder, name, ending, told_apart=True) if path in written else path
        write_text(path, text(episodes.filter(pl.col("input") == name)))
        written.append(path)
    return written


def _vtt(episodes: pl.DataFrame) -> str:
    """Return subtitles that say who shows what, by W3C's WebVTT."""
    cues = [
        f"{_clock(row['start_s'])} --> {_clock(row['end_s'])}\n"
        f"{html.escape(_who(row), quote=False)}: {row['expression']} ({min(row['mean_probability'], 0.99):.2f})\n"
        for row in episodes.sort("start_s").to_dicts()
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _elan(episodes: pl.DataFrame) -> str:
    """Return a tab-separated table with a tier per person and expression, which ELAN imports."""
    lines = [
        f"{_who(row)} {row['expression']}\t{_clock(row['start_s'])}\t{_clock(row['end_s'])}\t{row['expression']}"
        for row in episodes.to_dicts()
    ]
    return "\n".join(["Tier\tBegin Time\tEnd Time\tAnnotation", *lines, ""])


def _who(row: dict[str, Any]) -> str:
    return f"person {printable(row['person'])}"  # a name with a tab or a second line would end its cell or its cue


def _clock(time_s: float) -> str:
    milliseconds = round(1000 * time_s)
    seconds, minutes = milliseconds // 1000, milliseconds // 60_000
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds % 60:02d}.{milliseconds % 1000:03d}"
