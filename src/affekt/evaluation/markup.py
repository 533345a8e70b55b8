"""Small pieces of HTML, every text escaped."""

import re
from collections.abc import Iterable
from html import escape

from affekt.evaluation.baselines import FLOOR
from affekt.evaluation.bootstrap import Figure
from affekt.evaluation.mistakes import Mistake
from affekt.evaluation.table import Cell, Table, interval, is_clear, number
from affekt.labels import EXPRESSION_COLOURS


def table_html(table: Table) -> str:
    """Return a table with each interval under its figure."""
    kinds = [' class="text"' if index < table.text_columns else "" for index in range(len(table.header))]
    header = "".join(f"<th{kind}>{escape(title)}</th>" for kind, title in zip(kinds, table.header, strict=True))
    rows = ""
    for row in table.rows:
        cells = "".join(_cell(cell, kind, table.signed) for cell, kind in zip(row, kinds, strict=True))
        rows += f'<tr class="floor">{cells}</tr>' if row[0] == FLOOR else f"<tr>{cells}</tr>"
    return (
        f'<div class="scroll"><table><caption><span>{escape(table.title)}</span></caption>'
        f"<thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )


def _cell(cell: Cell, kind: str, signed: bool) -> str:
    if not isinstance(cell, Figure):
        return f"<td{kind}>{escape(cell or '')}</td>"
    kind = ' class="clear"' if signed and is_clear(cell) else kind
    return f"<td{kind}>{typeset(number(cell.value, signed))}<small>{typeset(interval(cell, signed))}</small></td>"


def typeset(text: str) -> str:
    """Write hyphens as a page does: a lone one as a dash, one before a digit as a minus sign."""
    return "\N{EN DASH}" if text == "-" else re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


def tile(title: str, tag: str, figure: Figure, floor: Figure | None) -> str:
    """Return one headline figure with its origin warning, its interval, and the floor under it."""
    warning = f"<small>{escape(tag)}</small>" if tag else ""
    under = "" if floor is None else f'<dd class="floor">floor {typeset(number(floor.value))}</dd>'
    return (
        f'<div><dt>{escape(title)}{warning}</dt><dd class="value">{typeset(number(figure.value))}</dd>'
        f'<dd class="interval">{typeset(interval(figure))}</dd>{under}</div>'
    )


def chart(title: str, tag: str, remark: str, svg: str) -> str:
    """Return a chart under its title, which carries the origin warning and a remark."""
    small = " ".join(filter(None, [f"{tag.capitalize()}." if tag else "", remark]))
    return f"<figure><figcaption>{escape(title)}<small>{escape(small)}</small></figcaption>{svg}</figure>\n"


def legend() -> str:
    """Return the colour of every expression."""
    colours = "".join(f"<span>{_named(label)}</span>" for label in EXPRESSION_COLOURS)
    return f'<p class="legend"><span>Colour: true expression.</span>{colours}</p>'


def mistake_html(mistake: Mistake) -> str:
    """Return one picture with what is true, what was predicted and how surely."""
    name = escape(mistake.source_id)
    picture = (
        f'<img src="{mistake.picture}" alt="{name}" loading="lazy">'
        if mistake.picture
        else f'<div class="lost">{escape(mistake.problem)}</div>'
    )
    return (
        f"<figure>{picture}{_named(mistake.truth)}<br>{_named(mistake.predicted, bold=True)} {escape(mistake.detail)}"
        f'<small title="{name}">{name}</small></figure>\n'
    )


def _named(expression: str, bold: bool = False) -> str:
    colour = EXPRESSION_COLOURS.get(expression)
    dot = f'<span class="dot" style="background:{colour}"></span>' if colour else ""
    text = typeset(escape(expression))
    return f"{dot}<b>{text}</b>" if bold else f"{dot}{text}"


def items(sentences: Iterable[str], kind: str = "notes") -> str:
    """Return sentences as a list; nothing for none."""
    listed = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{kind}">{listed}</ul>\n' if listed else ""
