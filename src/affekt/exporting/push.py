"""`affekt push RUN user/name`: a model goes to the Hugging Face Hub, with its card as the hub's metadata."""

import shlex
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError, needs_extra, says_what_to_type
from affekt.files import mirror, sha256_of
from affekt.models.card import CARD_FILE, NO_LICENCE, Card, read_card
from affekt.models.hub import FILES, HASHES, hub_name, told
from affekt.models.places import predicting_folder
from affekt.terminal import in_markdown

README = "README.md"
METRICS = {"accuracy": "accuracy", "macro_f1": "f1"}
"""Figures that the hub has a name for."""


@dataclass(frozen=True)
class Pushed:
    """Where a model is now."""

    name: str
    """`user/name`."""
    revision: str
    """The commit, which never changes; empty in a mirror that is a folder."""

    @property
    def address(self) -> str:
        """What `--model` and `affekt.load` take."""
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")


@says_what_to_type
def push(run: str | Path, name: str, *, private: bool = False, licence: str | None = None) -> Pushed:
    """Send a model to the hub: card, ONNX, safetensors, the hashes of learnt rows, and a page made of the card.

    A run that was not exported is exported first. The hub's library finds who is logged in (`hf auth login`).
    `AFFEKT_MIRROR` names another origin that speaks the hub's protocol, or a folder.

    Args:
        run: a run, a model folder, or the name of a model that comes with affekt.
        name: `user/name` on the hub; the repository is made if there is none.
        private: make it for its owner alone.
        licence: of the weights, as the hub writes it: cc-by-nc-4.0, say. None takes the card's, which says none unless
            its maker wrote one. The terms of the data may bind what learnt from them.

    Returns:
        Where it is.

    Raises:
        ConfigError: the name is not of the form.
        ModelError: the run cannot be exported, or the hub refuses it or does not answer.
        MissingExtra: huggingface_hub is not installed.

    Example:
        >>> import os, pathlib
        >>> pathlib.Path("models").mkdir()
        >>> os.environ["AFFEKT_MIRROR"] = "models"
        >>> affekt.push("affekt", "someone/my-faces").address
        'hf://someone/my-faces'
    """
    if "/" not in name.removeprefix("hf://"):
        raise ConfigError(
            f"expected user/name to push to, got {name!r}; put your name on the hub before it, as in: affekt push "
            f"{shlex.quote(str(run))} someone/{name}"
        )
    repository, revision = hub_name(f"hf://{name.removeprefix('hf://')}")
    if revision is not None:
        raise ConfigError(f"expected user/name to push to, got {name!r}; leave out the revision, which the hub gives")
    with needs_extra("hub"):
        from huggingface_hub import CommitOperationAdd, HfApi
    folder, origin = predicting_folder(run), mirror()
    with tempfile.TemporaryDirectory(prefix="affekt-push-") as staging:
        files = stage(folder, Path(staging), repository, licence)
        if isinstance(origin, Path):
            shutil.copytree(staging, origin / repository, dirs_exist_ok=True)
            return Pushed(repository, "")
        api = HfApi(endpoint=origin)
        operations = [CommitOperationAdd(path.name, str(path)) for path in files]
        with told(api, repository, command="push"):
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.create_commit(repository, operations, commit_message=f"{read_card(folder).name}, by affekt push")
    return Pushed(repository, done.oid)


def stage(folder: Path, out: Path, repository: str, licence: str | None = None) -> list[Path]:
    """Copy the files of a model folder, with their hashes in the card, write the hub's page, and return all of them."""
    names = [name for name in FILES if name != CARD_FILE and (folder / name).is_file()]
    for name in names:
        shutil.copyfile(folder / name, out / name)
    card = read_card(folder)
    card = replace(
        card,
        licence=licence or card.licence,
        export=card.export | {HASHES: {name: sha256_of(out / name) for name in names}},
    )
    card.write(out)
    (out / README).write_text(page(card, repository), encoding="utf-8")
    return [out / name for name in (*names, CARD_FILE, README)]


def page(card: Card, repository: str) -> str:
    """Return the hub's page of a model: the metadata that the hub reads, then what the card says for people."""
    from huggingface_hub import EvalResult, ModelCardData

    scored = [(where, found) for where, found in card.metrics.items() if "figures" in found]
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=str(found["data"]),
            dataset_name=str(found["data"]),
            dataset_split=str(found["split"]),
            metric_type=kind,
            metric_value=round(found["figures"][figure]["value"], 4),
        )
        for _, found in scored
        for figure, kind in METRICS.items()
        if figure in found["figures"]
    ]
    metadata = ModelCardData(
        license=None if card.licence == NO_LICENCE else card.licence.lower(),
        library_name="affekt",
        pipeline_tag="image-classification",
        tags=["affekt", "onnx", "facial-expression-recognition", *card.heads],
        datasets=[str(source) for source in card.training.get("sources", [])] or None,
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=card.name,
        eval_results=results or None,
        ignore_metadata_errors=True,
    )
    return f"---\n{metadata.to_yaml()}\n---\n{_body(card, repository, dict(scored))}"


def _body(card: Card, repository: str, scored: dict[str, dict[str, Any]]) -> str:
    answers = {"expression": f"one of {', '.join(card.labels)}, with a calibrated probability of each"}
    origin = f" ({card.valence_arousal_origin})" if card.valence_arousal_origin else ""
    answers["valence_arousal"] = f"valence and arousal, each from -1 to 1{origin}"
    training = card.training
    rows = [
        f"| {in_markdown(where)} | {in_markdown(figure)} | {each['value']:.3f} | {each['low']} to {each['high']} |"
        for where, found in scored.items()
        for figure, each in found["figures"].items()
        if each["value"] is not None
    ]
    figures = ["| on | figure | value | 95 % interval |", "|---|---|---:|---|", *rows] if rows else ["None recorded."]
    # What stands in a manifest, and with it in a card, a stranger may have written.
    learnt = [
        f"recipe: {training.get('recipe_name') or 'own'}, {card.architecture}, {card.parameters:,} parameters",
        f"data: {', '.join(map(str, training.get('sources', []))) or 'not said'}, {training.get('rows', 0):,} rows",
        f"seed: {training.get('seed', 'not said')}",
    ]
    lines = [
        f"# {in_markdown(card.name)}",
        "",
        in_markdown(f"A model of affekt that says of a face: {' and '.join(answers[head] for head in card.heads)}."),
        "",
        # Nobody owns the name affekt in a package index: who typed it there could get anybody's program.
        "In a checkout of affekt:",
        "",
        "```",
        'pip install ".[hub]"',
        f"affekt predict faces/ --model hf://{repository} --out faces.csv",
        "```",
        "",
        "## Intended use, and what it is not for",
        "",
        *(f"* {in_markdown(limit)}" for limit in card.limits),
        "",
        "## Training",
        "",
        *(f"* {in_markdown(line)}" for line in learnt),
        "",
        "## Figures",
        "",
        *figures,
        "",
        f"Licence of the weights: {in_markdown(card.licence)}. The terms of the data may bind them, too. "
        f"Everything that the model knows of itself stands in `{CARD_FILE}`.",
    ]
    return "\n".join(lines) + "\n"
