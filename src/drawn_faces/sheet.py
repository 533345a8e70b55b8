"""A sheet of sample pictures with what models say of them, for the demo."""

from pathlib import Path

import polars as pl
from PIL import Image, ImageDraw, ImageFont

from affekt.data.manifest import read_row_rgb, select_split
from affekt.files import written_whole
from affekt.labels import LABELS, PROBABILITY_COLUMNS

SIDE = 224
CAPTION = 92
GAP = 12
"""Sizes in pixels: a picture, the text under it, and the space between two pictures."""

INK, PALE, PAPER = (28, 30, 34), (110, 114, 122), (255, 255, 255)


def write_sheet(models: tuple[Path, ...], manifest: pl.DataFrame, predictions: Path, out: Path) -> None:
    """Draw one test picture of each expression with each model's answer under it.

    Args:
        models: model folders.
        manifest: rows with pictures.
        predictions: folder of the models' prediction tables, named as the model folders.
        out: the PNG to write.
    """
    rows = select_split(manifest, "test").filter(pl.col("emotion").is_not_null())
    chosen = [_of_another_person(rows.filter(emotion=label), place) for place, label in enumerate(LABELS)]
    tables = {model.name: pl.read_parquet(predictions / f"{model.name}.parquet") for model in models}
    cells = [_cell(row, tables) for row in chosen if row is not None]
    columns = min(4, len(cells))
    lines = -(-len(cells) // columns)
    width = columns * (SIDE + GAP) + GAP
    sheet = Image.new("RGB", (width, lines * (SIDE + CAPTION + GAP) + GAP), PAPER)
    for number, cell in enumerate(cells):
        left, top = number % columns * (SIDE + GAP) + GAP, number // columns * (SIDE + CAPTION + GAP) + GAP
        sheet.paste(cell, (left, top))
    with written_whole(out) as temporary:
        sheet.save(temporary, "PNG")


def _of_another_person(rows: pl.DataFrame, place: int) -> dict[str, object] | None:
    return rows.row(place * 4 % rows.height, named=True) if rows.height else None


def _cell(row: dict[str, object], tables: dict[str, pl.DataFrame]) -> Image.Image:
    cell = Image.new("RGB", (SIDE, SIDE + CAPTION), PAPER)
    cell.paste(Image.fromarray(read_row_rgb(row)).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(13)
    truth = f"drawn as {row['emotion']}, v {row['valence']:+.2f}, a {row['arousal']:+.2f}"
    draw.text((0, SIDE + 4), truth, INK, font)
    for line, (name, table) in enumerate(tables.items()):
        answer = table.filter(source_id=str(row["source_id"])).row(0, named=True)
        draw.text((0, SIDE + 22 + 17 * line), f"{name}: {_said(answer)}", PALE, font)
    return cell


def _said(answer: dict[str, float]) -> str:
    parts = []
    if PROBABILITY_COLUMNS[0] in answer:
        best = max(PROBABILITY_COLUMNS, key=lambda column: answer[column])
        parts.append(f"{best.removeprefix('p_')} {answer[best]:.0%}")
    if "valence" in answer:
        parts.append(f"v {answer['valence']:+.2f}, a {answer['arousal']:+.2f}")
    return ", ".join(parts)
