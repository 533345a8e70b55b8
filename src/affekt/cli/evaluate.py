"""`affekt evaluate`: score models, or anybody's prediction tables, on one split of a manifest."""

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import polars as pl
import tyro

from affekt.data.manifest import read_manifest, select_split, with_attributes, write_table
from affekt.errors import ConfigError, MissingExtra, require_seed
from affekt.models.card import model_folder, read_card
from affekt.networks.predictions import Executor, open_model

if TYPE_CHECKING:
    from affekt.evaluation.evaluate import Evaluation


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Score models or prediction tables on one split: metrics.json, table.md and a self-contained report.html."""

    models: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Model folders, runs, or names of models that come with affekt."""
    predictions: tuple[Path, ...] = ()
    """Prediction tables (.parquet or .csv): source_id, p_neutral ... p_contempt, valence, arousal."""
    data: Path
    """The manifest; its train split gives the floor that stands in every table."""
    split: str = "test"
    """The split to score."""
    out: Path = Path("report")
    """Folder for the report; the models' predictions are kept there too."""
    seed: int = 0
    """Decides the bootstrap's resamples."""
    resamples: int = 1000
    """Bootstrap resamples behind each interval."""
    by: Literal["row", "subject"] = "row"
    """What is resampled: rows, or whole subjects where a person has several pictures."""
    without: tuple[str, ...] = ()
    """Expressions to leave out, their pictures and their probabilities: --without contempt is the protocol of seven."""
    groups: tuple[str, ...] = ()
    """Attributes of the pictures, as in --groups age gender: the figures of each group, and how far it is from the
    others."""
    attributes: Path | None = None
    """A csv with source_id and further columns, which --groups may then name."""
    mistakes: int = 24
    """How many confident mistakes to show as pictures; 0 keeps pictures out of the report."""
    conditions: bool = False
    """Score the models under worse conditions too: few pixels, JPEG, blur, light, misplaced boxes, covered faces."""
    record: bool = False
    """Write the figures and their intervals into the models' cards."""
    device: str = "cpu"
    """Where torch runs models: cpu, cuda or mps."""
    runtime: Executor = "torch"
    """What executes models: torch, on their weights, or a runtime, on their model.onnx as it was exported."""
    names: dict[str, str] = field(default_factory=dict)
    """Other names for the tables: --names mobilenetv2 MobileNetV2 ..."""

    def __post_init__(self) -> None:
        """Refuse, before a model is run, what would end or spoil the scoring after it.

        Raises:
            ConfigError: the seed, the resamples or the mistakes are out of range, or a new name is of no table.
        """
        require_seed(self.seed)
        if min(self.resamples, self.mistakes) < 0:
            raise ConfigError(
                f"expected --resamples and --mistakes of at least 0, got {self.resamples} and {self.mistakes}; "
                "0 turns either off"
            )
        tables = {_stem(path) for path in (*self.models, *self.predictions)}
        strangers = [name for name in self.names if name not in tables]
        if strangers:
            raise ConfigError(
                f"expected --names of {', '.join(sorted(tables)) or 'a model or table'}, got {strangers[0]!r}; "
                "give the name of a model's folder, or of a table's file without its ending"
            )


def main(arguments: list[str]) -> None:
    """Run the command."""
    command = tyro.cli(EvaluateCommand, args=arguments, prog="affekt evaluate")
    if not command.models and not command.predictions:
        raise ConfigError("expected a model folder or --predictions, got neither; type: affekt evaluate runs/NAME ...")
    for option in ("conditions", "record"):
        if getattr(command, option) and not command.models:
            raise ConfigError(f"expected a model with --{option}, got only tables; type: affekt evaluate runs/NAME ...")
    if command.attributes is not None and not command.groups:
        raise ConfigError(
            f"expected --groups with --attributes, got none; name columns of {command.attributes}: --groups age gender"
        )
    manifest = read_manifest(command.data)
    if command.attributes is not None:
        manifest = with_attributes(manifest, command.attributes)
    evaluate(command, manifest, shlex.join(["affekt", "evaluate", *arguments]))


def evaluate(command: EvaluateCommand, manifest: pl.DataFrame, command_line: str) -> None:
    """Predict where models were given, score everything, write the report and print the main tables.

    Raises:
        ConfigError: two tables share a name, or rows cannot be grouped so.
        DataError: a table or the manifest does not fit.
        ModelError: a model folder cannot be used.
        MissingExtra: torch is needed for models, matplotlib for the report.
    """
    try:
        from affekt.evaluation.evaluate import check_without, evaluate_tables, record_evaluation
        from affekt.evaluation.groups import group_values
        from affekt.evaluation.report import write_report
        from affekt.evaluation.table import summary
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "scipy", "evaluate") from error

    rows = select_split(manifest, command.split)
    # Before the models are run, so that a slip costs no time.
    check_without(command.without)
    for attribute in command.groups:
        group_values(rows, attribute)
    if command.record and command.runtime == "torch":
        _refuse_weights_before_int8(command.models)
    tables = named_tables(command, rows)
    evaluation = evaluate_tables(
        tables,
        manifest,
        command.split,
        seed=command.seed,
        resamples=command.resamples,
        by=command.by,
        groups=command.groups,
        without=command.without,
        command=command_line,
        progress=sys.stderr.isatty(),
    )
    logs = {named(command, path): path for path in command.models if (path / "log.jsonl").is_file()}
    write_report(evaluation, command.out, logs=logs, pictures=command.mistakes)
    print(summary(evaluation))
    if command.conditions:
        _under_conditions(command, evaluation, manifest)
    if command.record:
        for path in command.models:
            record_evaluation(model_folder(path), evaluation, named(command, path))
    print(f"\nwrote {command.out / 'report.html'}, metrics.json and table.md")


def _refuse_weights_before_int8(models: tuple[Path, ...]) -> None:
    """Refuse to record, in an int8 model's card, what its weights score before they are rounded."""
    for path in models:
        if read_card(model_folder(path)).precision == "int8":
            raise ConfigError(
                f"expected --runtime onnxruntime with --record and {path}, whose weights beside the int8 file are as "
                "trained, got torch; type --runtime onnxruntime"
            )


def _under_conditions(command: EvaluateCommand, evaluation: "Evaluation", manifest: pl.DataFrame) -> None:
    from affekt.evaluation.robustness import measure_robustness, robustness_tables, write_robustness
    from affekt.evaluation.table import to_plain

    rows = select_split(manifest, command.split)
    scores = {scores.name: scores for scores in evaluation.scores}
    all_found = []
    for path in command.models:
        name = named(command, path)
        model = open_model(path, device=command.device, runtime=command.runtime)
        all_found.append(measure_robustness(scores[name], manifest, rows, model.predict_rows))
        print(to_plain(robustness_tables(all_found[-1], evaluation)[0]))
    write_robustness(all_found, evaluation, command.out)
    print(f"wrote {command.out / 'conditions.md'} and conditions.json")


def named_tables(command: EvaluateCommand, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Read the prediction tables, and make and keep those of the models.

    Raises:
        ConfigError: two tables share a name.
        DataError: a prediction table cannot be used.
        ModelError: a model folder cannot be used.
    """
    from affekt.evaluation.predictions import read_predictions

    paths = [*command.models, *command.predictions]
    names = [named(command, path) for path in paths]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"expected models of different names, got {repeated[0]} twice; rename one folder or file")
    # Everything is opened before the first model predicts, so that one that cannot be used costs no time.
    given = {named(command, path): read_predictions(path) for path in command.predictions}
    models = {path: open_model(path, device=command.device, runtime=command.runtime) for path in command.models}
    made = {}
    for path, model in models.items():
        table = model.predict_rows(rows)
        write_table(table, command.out / "predictions" / f"{_stem(path)}.parquet")
        made[named(command, path)] = table
    return made | given


def named(command: EvaluateCommand, path: Path) -> str:
    """Return what a model or a table is called: the name it was given, or its folder's or file's own."""
    return command.names.get(_stem(path), _stem(path))


def _stem(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem
