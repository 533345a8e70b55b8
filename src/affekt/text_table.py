"""The one table of plain text, for help pages, reports on a terminal and listings."""

from collections.abc import Sequence

Cell = str | int | float | None


def text_table(rows: Sequence[Sequence[Cell]], *, left: int = 1, gap: str = "  ") -> str:
    """Align rows of cells, all of one length, in columns: the first `left` to the left, the others to the right.

    Whole numbers get marks at thousands; None is an empty cell. No line ends in spaces.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = ["<" if column < left else ">" for column in range(len(widths))]
    lines = [
        gap.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def _text(cell: Cell) -> str:
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
