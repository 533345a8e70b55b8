"""What `affekt evaluate` and `affekt.evaluate` do: ask models for predictions, score everything, write the report.

Only here does evaluation open a model; all that scores reads predictions tables. No command's help needs more than this
file, which therefore imports the rest when it runs.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec

from affekt.errors import ConfigError, needs_extra, require_seed

if TYPE_CHECKING:
    import polars as pl

    from affekt.evaluation.evaluate import Evaluation
    from affekt.networks.predictions import RowPredictor

Options = ParamSpec("Options")


@dataclass(frozen=True)
class EvaluateOptions:
    """Score models or prediction tables on one split: metrics.json, table.md and a self-contained report.html.

    Args:
        models: Model folders, runs, or names of models that come with affekt.
        data: The manifest; its train split gives the floor that stands in every table.
        predictions: Prediction tables (.parquet or .csv): source_id, p_neutral ... p_contempt, valence, arousal.
        split: The split to score.
        out: Folder for the report; the models' predictions are kept there too.
        seed: Decides the bootstrap's resamples.
        resamples: Bootstrap resamples behind each interval.
        by: What is resampled: rows, or whole subjects where a person has several pictures.
        without: Expressions to leave out, their pictures and their probabilities: --without contempt is the protocol
            of seven.
        groups: Attributes of the pictures, as in --groups age gender: the figures of each group, and how far it is
            from the others.
        attributes: A csv with source_id and further columns, which --groups may then name.
        mistakes: How many confident mistakes to show as pictures; 0 keeps pictures out of the report.
        corruptions: Score the models on corrupted pictures too: few pixels, JPEG, blur, light, misplaced boxes,
            covered faces.
        record: Write the figures and their intervals into the models' cards.
        device: Where torch runs models: cpu, cuda or mps.
        runtime: What executes models: torch, on their weights, or a runtime, on their model.onnx as it was exported.
        names: Other names for the tables: --names mobilenetv2 MobileNetV2 ...
        command: What the report names as the command that made it.

    Returns:
        The evaluation; its `frame` has one row per model and figure.

    Raises:
        ConfigError: an option is out of its range, two tables share a name, or rows cannot be grouped so.
        DataError: a table, the manifest or the attributes cannot be read, or do not fit each other.
        ModelError: a model folder cannot be used.
        MissingExtra: torch is needed for models, matplotlib for the report.

    Example:
        >>> import affekt
        >>> from drawn_faces import drawn_manifest
        >>> faces = drawn_manifest(identities=9, pictures_per_identity=8, size=48, seed=0)
        >>> found = affekt.evaluate("affekt-fast", data=faces, runtime="onnxruntime", resamples=20, mistakes=0)
        >>> found
        Evaluation of affekt-fast on drawn, split test, 8 rows
        >>> found.frame.filter(model="floor", figure="valence_ccc")["value"].item()
        0.0
    """

    models: str | Path | Sequence[str | Path] = ()
    _: KW_ONLY
    data: "str | Path | pl.DataFrame"
    predictions: "str | Path | Sequence[str | Path] | Mapping[str, pl.DataFrame]" = ()
    split: str = "test"
    out: str | Path = Path("report")
    seed: int = 0
    resamples: int = 1000
    by: Literal["row", "subject"] = "row"
    without: str | Sequence[str] = ()
    groups: str | Sequence[str] = ()
    attributes: str | Path | None = None
    mistakes: int = 24
    corruptions: bool = False
    record: bool = False
    device: str = "cpu"
    runtime: Literal["torch", "auto", "onnxruntime", "openvino", "cuda"] = "torch"
    names: Mapping[str, str] | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers out of range and new names of nothing.

        Raises:
            ConfigError: it is so.
        """
        require_seed(self.seed)
        if min(self.resamples, self.mistakes) < 0:
            raise ConfigError(
                f"expected resamples and mistakes of at least 0, got {self.resamples} and {self.mistakes}; "
                "0 turns either off"
            )
        found = sorted(map(_stem, [*_paths(self.models), *_paths(self.predictions)]))
        strangers = [name for name in self.names or {} if name not in found]
        if strangers:
            raise ConfigError(
                f"expected names of {', '.join(found) or 'a model or table'}, got {strangers[0]!r}; "
                "give the name of a model's folder, or of a table's file without its ending"
            )

    def run(self) -> "Evaluation":
        """Ask the models for predictions, score everything, and write the report; errors are those of the options."""
        self._refuse_what_does_not_fit()
        from affekt.evaluation.evaluate import Intervals, evaluate_tables, record_evaluation
        from affekt.evaluation.report import write_report
        from affekt.evaluation.robustness import measure_robustness
        from affekt.models.card import model_folder

        manifest, rows = self._rows()
        models, tables = self._opened()
        tables = self._asked(models, rows) | tables
        intervals = Intervals(self.resamples, self.seed, self.by)
        found = evaluate_tables(
            tables, manifest, self.split, intervals, groups=_words(self.groups), without=_words(self.without)
        )
        found = replace(found, command=self.command)
        if self.corruptions:
            clean = {scores.name: scores for scores in found.scores}
            measured = [
                measure_robustness(clean[self._name(path)], manifest, rows, model.predict_rows)
                for path, model in models.items()
            ]
            found = replace(found, robustness=tuple(measured))
        logs = {self._name(path): path for path in models if (path / "log.jsonl").is_file()}
        write_report(found, Path(self.out), logs=logs, pictures=self.mistakes)
        if self.record:
            for path in models:
                record_evaluation(model_folder(path), found, self._name(path))
        return found

    def _refuse_what_does_not_fit(self) -> None:
        models, predictions = _paths(self.models), self.predictions
        if not models and not predictions:
            raise ConfigError(
                "expected models or predictions, got neither; name a model folder, as in: affekt evaluate runs/NAME ..."
            )
        for option in ("corruptions", "record"):
            if getattr(self, option) and not models:
                raise ConfigError(
                    f"expected a model with {option}, got only tables; name one, as in: affekt evaluate runs/NAME ..."
                )
        if self.attributes is not None and not self.groups:
            raise ConfigError(f"expected groups with attributes, got none; name columns of {self.attributes} as groups")
        names = [self._name(path) for path in [*models, *_paths(predictions)]]
        names += predictions if isinstance(predictions, Mapping) else ()
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ConfigError(f"expected models of different names, got {repeated[0]} twice; rename one folder or file")
        if self.record and self.runtime == "torch":
            _refuse_weights_before_int8(models)
        with needs_extra("evaluate"):
            import matplotlib as _matplotlib  # noqa: F401

    def _rows(self) -> "tuple[pl.DataFrame, pl.DataFrame]":
        """Return the manifest and its rows of the split; what cannot be grouped or left out is refused."""
        from affekt.data.manifest import read_manifest, select_split, with_attributes
        from affekt.evaluation.evaluate import refuse_without
        from affekt.evaluation.groups import group_values

        manifest = read_manifest(self.data)
        if self.attributes is not None:
            manifest = with_attributes(manifest, Path(self.attributes))
        rows = select_split(manifest, self.split)
        refuse_without(_words(self.without))
        for attribute in _words(self.groups):
            group_values(rows, attribute)
        return manifest, rows

    def _opened(self) -> "tuple[dict[Path, RowPredictor], dict[str, pl.DataFrame]]":
        """Open all models and tables before the first model is asked, so that a useless one costs no time."""
        from affekt.evaluation.predictions import read_predictions
        from affekt.networks.predictions import open_model

        if isinstance(self.predictions, Mapping):
            tables = dict(self.predictions)
        else:
            tables = {self._name(path): read_predictions(path) for path in _paths(self.predictions)}
        models = {path: open_model(path, device=self.device, runtime=self.runtime) for path in _paths(self.models)}
        return models, tables

    def _asked(self, models: "dict[Path, RowPredictor]", rows: "pl.DataFrame") -> "dict[str, pl.DataFrame]":
        """Return the models' predictions by name; they are kept beside the report."""
        from affekt.data.manifest import write_table

        tables = {}
        for path, model in models.items():
            tables[self._name(path)] = table = model.predict_rows(rows)
            write_table(table, Path(self.out) / "predictions" / f"{_stem(path)}.parquet")
        return tables

    def _name(self, path: Path) -> str:
        """Return what a model or a table is called: the name it was given, or its folder's or file's own."""
        return (self.names or {}).get(_stem(path), _stem(path))


def _paths(given: "str | Path | Sequence[str | Path] | Mapping[str, pl.DataFrame]") -> list[Path]:
    if isinstance(given, Mapping):
        return []
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]


def _words(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _refuse_weights_before_int8(models: list[Path]) -> None:
    """Refuse to record, in an int8 model's card, what its weights score before they are rounded."""
    from affekt.models.card import model_folder, read_card

    for path in models:
        if read_card(model_folder(path)).precision == "int8":
            raise ConfigError(
                f"expected the runtime onnxruntime with record and {path}, whose weights beside the int8 file are as "
                "trained, got torch; choose it (--runtime onnxruntime)"
            )


def _function_of(options: Callable[Options, EvaluateOptions]) -> "Callable[Options, Evaluation]":
    """Return the function that takes the options as its arguments, so that these are written down once."""

    def evaluate(*args: Options.args, **kwargs: Options.kwargs) -> "Evaluation":
        return options(*args, **kwargs).run()

    evaluate.__doc__ = options.__doc__
    evaluate.__signature__ = inspect.signature(options).replace(return_annotation="Evaluation")  # pyright: ignore[reportFunctionMemberAccess]
    return evaluate


evaluate = _function_of(EvaluateOptions)
