"""AffectNet's numbers for expressions and its sentinels, the same in both releases."""

import polars as pl

from affekt.labels import LABELS

LEFT_OUT = {8: "none", 9: "uncertain", 10: "no face"}
"""Numbers of the 2017 lists that are no expression; training on them as three more classes is a known mistake."""


def name_expressions(rows: pl.DataFrame, origin: str) -> tuple[pl.DataFrame, dict[str, int], tuple[str, ...]]:
    """Turn AffectNet's text columns into labels, and leave out what is no expression.

    Args:
        rows: `expression`, `valence` and `arousal` as text, and any further columns.
        origin: where valence and arousal come from, one of `affekt.data.manifest.ORIGINS`.

    Returns:
        The rows that show one of the eight expressions, with `emotion`, `valence`, `arousal` (null outside [-1, 1]) and
        `valence_arousal_origin`; how many were left out, by reason; notes.
    """
    names = {float(number): label for number, label in enumerate(LABELS)}
    rows = rows.with_columns(_number("expression")).with_columns(
        pl.col("expression").replace_strict(names, default=None, return_dtype=pl.String).alias("emotion")
    )
    expression = pl.when(pl.col("expression").is_finite()).then("expression")
    others = rows.filter(pl.col("emotion").is_null()).select(expression).to_series().value_counts(sort=True)
    dropped = {_reason(number): count for number, count in others.iter_rows()}
    rows = rows.filter(pl.col("emotion").is_not_null()).drop("expression")
    rows = rows.with_columns(_in_range("valence"), _in_range("arousal"))
    known = pl.any_horizontal(pl.col("valence", "arousal").is_not_null())
    rows = rows.with_columns(pl.when(known).then(pl.lit(origin)).alias("valence_arousal_origin"))
    nulls = rows.select(pl.any_horizontal(pl.col("valence", "arousal").is_null()).sum()).item()
    notes = (
        (f"Valence or arousal is -2 or otherwise outside [-1, 1] in {nulls:,} kept rows: null there.",) if nulls else ()
    )
    return rows, dropped, notes


def _number(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)


def _in_range(column: str) -> pl.Expr:
    return pl.when(_number(column).is_between(-1, 1)).then(_number(column)).alias(column)


def _reason(number: float | None) -> str:
    if number is None:
        return "expression unreadable"
    return f"expression {number:g} ({LEFT_OUT.get(int(number), 'unknown')})"
