"""What `affekt evaluate` and `affekt.evaluate` do: ask models for predictions, score everything, write the report.

Only here does evaluation open a model; all that scores reads predictions tables. The command's help needs no more than
this file, which therefore imports the rest when it runs.
"""

import inspect
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from affekt.analysis.inputs import refuse_pictures
from affekt.errors import ConfigError, DataError, needs_extra, require_seed, says_what_to_type
from affekt.files import claim, refuse_others, require_folder, write_parquet
from affekt.labels import LABELS, ordered_labels

if TYPE_CHECKING:
    import polars as pl

    from affekt.evaluation.evaluate import Evaluation
    from affekt.models.card import Card

Options = ParamSpec("Options")


@says_what_to_type
@dataclass(frozen=True)
class EvaluateOptions:
    """Score models or prediction tables on one split: metrics.json, table.md and a self-contained report.html.

    Args:
        models: Model folders, runs, names of models that come with affekt, or hf://user/name of the hub.
        data: The manifest. Its split train gives the floor, the score without a look at the pictures, of every table.
        predictions: Prediction tables (.parquet or .csv): source_id, p_neutral and so on for each label,
            valence, arousal. Or what affekt predict wrote of the manifest's pictures.
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
        seen: Score rows that a model learnt from, too: such figures say nothing about new pictures, and every table and
            the report say so.
        record: Write the figures and their intervals into the models' cards.
        device: Where torch runs models: auto, cpu, cuda or mps.
        runtime: What executes models: torch, on their weights, or a runtime, on their model.onnx as it was exported.
        names: Other names for the tables: --names mobilenetv2 MobileNetV2 ...
        command: What the report names as the command that made it.

    Returns:
        The evaluation; its `frame` has one row per model and figure.

    Raises:
        ConfigError: an option is out of its range, two tables share a name, or rows cannot be grouped so.
        DataError: a table, the manifest or the attributes cannot be read, or do not fit each other; a model learnt
            from rows of the split.
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
    predictions: "str | Path | Sequence[str | Path] | Mapping[str, pl.DataFrame | str | Path]" = ()
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
    seen: bool = False
    record: bool = False
    device: str = "cpu"
    runtime: Literal["torch", "auto", "onnxruntime", "openvino", "cuda"] = "torch"
    names: Mapping[str, str] | None = None
    command: str = ""

    def run(self) -> "Evaluation":
        """Ask the models for predictions, score everything, and write the report; errors are those of the options."""
        self._refuse_what_does_not_fit()
        from affekt.data.check import manifest_named

        with manifest_named(self.data):
            return self._run()

    def _run(self) -> "Evaluation":
        import polars as pl

        from affekt.data.manifest import manifest_labels, read_manifest, select_split, with_attributes
        from affekt.evaluation.evaluate import evaluate_tables
        from affekt.evaluation.groups import group_values
        from affekt.evaluation.predictions import read_predictions, require_labels
        from affekt.evaluation.report import record_evaluation, refuse_other_report, write_report
        from affekt.evaluation.robustness import measure_robustness
        from affekt.evaluation.score import Resampling, resampled_units
        from affekt.models.card import model_folder, read_card
        from affekt.models.hub import fetched
        from affekt.networks.predictions import open_model

        models = {self._name(path): path for path in map(fetched, _paths(self.models))}
        manifest = read_manifest(self.data)
        if self.attributes is not None:
            manifest = with_attributes(manifest, Path(self.attributes))
        rows = select_split(manifest, self.split, self.data)
        groups, without = _words(self.groups), _words(self.without)
        _refuse_unknown_labels(without, manifest_labels(manifest))
        cards = {name: read_card(model_folder(path)) for name, path in models.items()}
        seen = tuple(filter(None, (self._seen(name, models[name], card, manifest) for name, card in cards.items())))
        for attribute in groups:
            group_values(rows, attribute)
        resampled_units(rows, self.by)
        # All are opened before the first model is asked, so that a useless one costs no time.
        named = self.predictions if isinstance(self.predictions, Mapping) else {}
        given = {
            name: read_predictions(Path(each)) if isinstance(each, str | PathLike) else each
            for name, each in named.items()
        }
        given |= {self._name(path): read_predictions(path) for path in _paths(self.predictions)}
        refuse_other_report(Path(self.out), [*models, *given])
        scored = rows.filter(~pl.col("emotion").is_in(without).fill_null(value=False))
        for name, card in cards.items():
            require_labels(card.labels if "expression" in card.heads else (), scored, name)
        opened = {name: open_model(path, device=self.device, runtime=self.runtime) for name, path in models.items()}
        claim(Path(self.out), self._files(models.values()))
        tables: dict[str, pl.DataFrame] = {}
        for name, model in opened.items():
            tables[name] = model.predict_rows(rows)
            write_parquet(tables[name], self._predictions(models[name]))
        how = Resampling(self.resamples, self.seed, self.by)
        found = evaluate_tables(tables | given, manifest, self.split, how, groups=groups, without=without)
        if self.corruptions:
            measured = [
                measure_robustness(scores, manifest, rows, opened[scores.name].predict_rows)
                for scores in found.scores
                if scores.name in opened
            ]
            found = replace(found, robustness=tuple(measured))
        found = replace(found, command=self.command, seen=seen)
        logs = {name: path for name, path in models.items() if (path / "log.jsonl").is_file()}
        write_report(found, Path(self.out), logs=logs, pictures=self.mistakes)
        if self.record:
            for name, path in models.items():
                record_evaluation(path, found, name)
        return found

    def _seen(self, name: str, model: Path, card: "Card", manifest: "pl.DataFrame") -> str:
        """Return a sentence about the rows that a model has seen before, empty where there are none."""
        from affekt.data.check import drop_leaks
        from affekt.models.card import model_folder
        from affekt.models.learnt_rows import seen_rows

        seen = seen_rows(model_folder(model), card, manifest.filter(split=self.split))
        if seen is None or not seen.pictures + seen.people + seen.validation:
            return ""
        told = [
            f"{count:,} of {seen.rows:,} rows {what}"
            for count, what in (
                (seen.pictures, "were learnt from"),
                (seen.people, "show people it learnt from"),
                (seen.validation, "chose its epoch"),
            )
            if count
        ]
        if seen.pictures + seen.people and not self.seen:
            # The check compares splits and knows no model, so it helps only where the model learnt from another split.
            left = drop_leaks(manifest).filter(split=self.split)
            still = seen_rows(model_folder(model), card, left)
            helps = still is not None and left.height and not still.pictures + still.people
            advice = f"leave them out with: affekt data check {self._file} --drop-leaks clean.parquet"
            raise DataError(
                f"expected rows of the split {self.split!r} that {name} did not learn from, got others "
                f"({' and '.join(told)}); {advice if helps else 'choose another split or other data'}, or score all "
                "the same with seen (--seen)"
            )
        return f"SEEN BEFORE by {name}: {' and '.join(told)}: figures here are too good for new faces."

    def _refuse_what_does_not_fit(self) -> None:
        models, tables = _paths(self.models), _paths(self.predictions)
        if min(self.resamples, self.mistakes) < 0:
            raise ConfigError(
                f"expected resamples and mistakes of at least 0, got {self.resamples} and {self.mistakes}; "
                "0 turns either off"
            )
        stems = sorted(map(_stem, [*models, *tables]))
        if strangers := [name for name in self.names or {} if name not in stems]:
            raise ConfigError(
                f"expected names of {', '.join(stems) or 'a model or table'}, got {strangers[0]!r}; "
                "give the name of a model's folder, or of a table's file without its ending"
            )
        if not models and not self.predictions:
            raise ConfigError(
                "expected models or predictions of the data, got neither; name a model, as in: "
                f"affekt evaluate runs/NAME --data {self._file}"
            )
        for option in ("corruptions", "record"):
            if getattr(self, option) and not models:
                raise ConfigError(
                    f"expected a model with {option}, got only tables; name one and the data, as in: "
                    f"affekt evaluate runs/NAME --data {self._file} --{option}"
                )
        if self.attributes is not None and not self.groups:
            raise ConfigError(f"expected groups with attributes, got none; name columns of {self.attributes} as groups")
        names = [self._name(path) for path in [*models, *tables]]
        names += self.predictions if isinstance(self.predictions, Mapping) else ()
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"expected models of different names, got {repeated[0]} twice; rename one folder or file")
        require_seed(self.seed)
        if (self.device, self.runtime) != ("cpu", "torch") and not models:
            raise ConfigError("expected models with a device or runtime, got tables alone; leave both out")
        if self.device != "cpu" and self.runtime != "torch":
            raise ConfigError(f"expected the runtime torch with a device, got {self.runtime}; leave one of both out")
        if self.device != "cpu":
            from affekt.networks.predictions import choose_device

            choose_device(self.device)
        with needs_extra("evaluate"):
            import matplotlib as _matplotlib  # noqa: F401
        require_folder(Path(self.out))
        refuse_pictures(Path(self.out), "*")
        refuse_others(Path(self.out), self._files(models))
        if self.record and self.runtime == "torch":
            _refuse_weights_before_int8(models)

    def _files(self, models: Iterable[Path]) -> list[Path]:
        """Return what is written over, where it is there."""
        from affekt.evaluation.report import report_files

        return [*report_files(Path(self.out)), *map(self._predictions, models)]

    def _predictions(self, model: Path) -> Path:
        return Path(self.out) / "predictions" / f"{_stem(model)}.parquet"

    @property
    def _file(self) -> str:
        """The manifest as a shell takes it; a frame goes by the usual name."""
        return shlex.quote(str(self.data if isinstance(self.data, str | Path) else "manifest.parquet"))

    def _name(self, path: Path) -> str:
        """Return what a model or a table is called: the name it was given, or its folder's or file's own."""
        return (self.names or {}).get(_stem(path), _stem(path))


def _paths(given: "str | Path | Sequence[str | Path] | Mapping[str, pl.DataFrame | str | Path]") -> list[Path]:
    if isinstance(given, Mapping):
        return []
    several = [given] if isinstance(given, str | PathLike) else given
    if not isinstance(several, Sequence) or not all(isinstance(path, str | PathLike) for path in several):  # pyright: ignore
        raise ConfigError(f"expected paths of models and tables, got {given!r}; type: help(affekt.evaluate)")
    return list(map(Path, several))


def _words(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _refuse_unknown_labels(without: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """Refuse to leave out what is no label, neither of the manifest nor of the eight, and to leave out all but one."""
    known = ordered_labels([*labels, *LABELS])
    if not set(without) <= set(known) or (without and len(set(labels) - set(without)) < 2):
        raise ConfigError(
            f"expected without to name some of {', '.join(known)}, and to leave two that the manifest has, got "
            f"{', '.join(without)}; the usual seven leave out contempt (--without contempt, "
            "without='contempt' in Python)"
        )


def _refuse_weights_before_int8(models: list[Path]) -> None:
    """Refuse to record, in an int8 model's card, what its weights score before they are rounded."""
    from affekt.models.card import model_folder, read_card

    for path in models:
        if read_card(model_folder(path)).precision == "int8":
            raise ConfigError(
                f"expected the runtime onnxruntime with record and {path}, whose weights beside the int8 file are as "
                "trained, got torch; choose it (--runtime onnxruntime)"
            )


if TYPE_CHECKING:
    # A type checker sees the options as the function's parameters.
    def _with_options_of(_: Callable[Options, EvaluateOptions]) -> Callable[Options, Evaluation]: ...

    evaluate = _with_options_of(EvaluateOptions)
else:

    def evaluate(*args: Any, **options: Any) -> "Evaluation":  # noqa: ANN401, D103  those of EvaluateOptions
        return EvaluateOptions(*args, **options).run()

    evaluate.__doc__ = EvaluateOptions.__doc__
    evaluate.__signature__ = inspect.signature(EvaluateOptions).replace(return_annotation="Evaluation")
    evaluate = says_what_to_type(evaluate)
