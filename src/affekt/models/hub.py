"""Models of the Hugging Face Hub: `hf://user/name`, or `hf://user/name@revision` for one that never changes.

A model is fetched once into `AFFEKT_HOME/hub/user/name@commit`, whose name tables and reports then say. Only the files
of a model folder are fetched, no pickles; each must have the SHA-256 that the card gives. `AFFEKT_MIRROR` names another
origin that speaks the hub's protocol, or a folder with `user/name` in it.
"""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from affekt.errors import ConfigError, ModelError, first_line, nearest, needs_extra
from affekt.files import affekt_home, mirror, sha256_of
from affekt.models.card import CARD_FILE, LEARNT_FILE, ONNX_FILE, WEIGHTS_FILE, Card, read_card

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FILES = (CARD_FILE, ONNX_FILE, WEIGHTS_FILE, LEARNT_FILE)
"""The files of a model folder; the first two must be there."""
NEEDED = FILES[:2]
HASHES = "sha256"
"""In a card's `export`: the SHA-256 of each file beside it, by name."""
TIMEOUT_S = 5.0
"""How long the hub may take to answer before it counts as out of reach."""
REVISION_DIGITS = 12
_NAME = re.compile(r"hf:/{1,2}(\w[\w.-]*)/(\w[\w.-]*?)(?:@(\w[\w./-]*))?")

Named = TypeVar("Named", str, Path)

_logger = logging.getLogger(__name__)


def is_of_hub(model: str | Path) -> bool:
    """Return whether a model is named as one of the hub; a `Path` of such a name has lost a slash."""
    return Path(model).as_posix().startswith("hf:/")


def hub_name(model: str | Path) -> tuple[str, str | None]:
    """Return `user/name` and the revision, None for the newest, of a name as `hf://user/name@revision`."""
    found = _NAME.fullmatch(Path(model).as_posix())
    if found is None:
        raise ConfigError(
            f"expected hf://user/name or hf://user/name@revision, got {str(model)!r}; the hub's page of the model "
            "names its user"
        )
    return f"{found[1]}/{found[2]}", found[3]


def revision_of(folder: Path) -> str | None:
    """Return `user/name@commit` of a folder that was fetched from the hub, None of any other."""
    kept = (affekt_home() / "hub").absolute()
    return folder.absolute().relative_to(kept).as_posix() if folder.absolute().is_relative_to(kept) else None


def fetched(model: Named) -> Named | Path:
    """Return a model as it was named, one of the hub as the folder it is fetched into, which is named by its commit."""
    return hub_folder(model) if is_of_hub(model) else model


def hub_folder(model: str | Path) -> Path:
    """Return the folder of a model of the hub, fetched if it is not there yet.

    A revision that was fetched before needs no network. Where none is named and there is no network, the last that was
    fetched is taken, with a warning.

    Raises:
        ConfigError: the name is not of the form.
        ModelError: there is no such model or revision, it holds no affekt model or another than its card says, or the
            hub does not answer.
        MissingExtra: huggingface_hub is not installed.
    """
    repository, revision = hub_name(model)
    origin = mirror()
    if isinstance(origin, Path):
        return _of_mirror(origin, repository)
    places = affekt_home() / "hub" / repository
    if revision is not None and (kept := _kept(places, revision)):
        return kept
    with needs_extra("hub"):
        from huggingface_hub import HfApi
    api = HfApi(endpoint=origin)
    try:
        with told(api, repository, revision):
            info = api.model_info(repository, revision=revision, timeout=TIMEOUT_S)
    except ModelError as error:
        if revision is None and isinstance(error.__cause__, ConnectionError | OSError) and (kept := _kept(places, "")):
            _logger.warning("the hub does not answer: %s is taken, which was fetched before", kept.name)
            return kept
        raise
    commit = info.sha or revision or "main"
    there = {sibling.rfilename for sibling in info.siblings or ()}
    if absent := [name for name in NEEDED if name not in there]:
        raise ModelError(
            f"expected an affekt model in {repository}, got a repository without {' and '.join(absent)}; name one that "
            "affekt push made"
        )
    return _kept(places, commit) or _fetched(api, repository, commit, [name for name in FILES if name in there])


def _kept(places: Path, revision: str) -> Path | None:
    """Return the last fetched folder of a model whose commit begins so."""
    short = revision[:REVISION_DIGITS]
    found = [place for place in places.parent.glob(f"{places.name}@{short}*") if (place / ONNX_FILE).is_file()]
    return (
        max(found, key=lambda place: place.stat().st_mtime, default=None) if re.fullmatch("[0-9a-f]*", short) else None
    )


def _fetched(api: "HfApi", repository: str, commit: str, names: list[str]) -> Path:
    place = affekt_home() / "hub" / f"{repository}@{commit[:REVISION_DIGITS]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetching-") as staging:
        for name in names:
            with told(api, repository, commit):
                api.hf_hub_download(repository, name, revision=commit, local_dir=staging)
        _refuse_other_files(Path(staging), read_card(Path(staging)), f"{repository}@{commit}")
        whole = Path(staging) / "whole"
        whole.mkdir()
        for name in names:
            (Path(staging) / name).rename(whole / name)
        with suppress(OSError):  # another process was faster
            whole.rename(place)
    return place


def _refuse_other_files(folder: Path, card: Card, name: str) -> None:
    """Refuse files that are not those that the card was written with."""
    pinned = card.export.get(HASHES, {})
    for file, expected in pinned.items() if isinstance(pinned, dict) else ():
        if (folder / file).is_file() and sha256_of(folder / file) != expected:
            raise ModelError(
                f"expected {file} of {name} with the SHA-256 {expected} of its card, got another file; do not use it, "
                "and tell its owner"
            )


def _of_mirror(place: Path, repository: str) -> Path:
    folder = place / repository
    if not (folder / ONNX_FILE).is_file():
        there = sorted(card.parent.relative_to(place).as_posix() for card in place.glob(f"*/*/{CARD_FILE}"))
        raise ModelError(
            f"expected {repository} in the mirror {place}, got {', '.join(there[:5]) or 'no models'}; name one of "
            "these, or another mirror (--mirror)"
        )
    _refuse_other_files(folder, read_card(folder), f"{repository} in {place}")
    return folder


@contextmanager
def told(api: "HfApi", repository: str, revision: str | None = None, command: str = "predict") -> Iterator[None]:
    """Turn what the hub's library raises into one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"expected a revision {revision} of {repository}, got none; leave it out for the newest: hf://{repository}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        instead = _nearest(api, repository)
        raise ModelError(
            f"expected a model {repository} on {api.endpoint}, got none that may be read; "
            f"{f'did you mean hf://{instead}? or ' if instead else 'check the name, or '}type: hf auth login"
        ) from error
    except (errors.HfHubHTTPError, ValueError) as error:
        raise ModelError(
            f"expected {api.endpoint} to answer for {repository}, got {first_line(error)}; check the name and your "
            "rights, or type: hf auth login"
        ) from error
    except OSError as error:
        raise _no_network(api, repository, command) from error
    except Exception as error:
        # Errors of the library beneath, which changes between versions, are no OSErrors.
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore", "requests", "urllib3"):
            raise
        raise _no_network(api, repository, command) from ConnectionError(str(error))


def _no_network(api: "HfApi", repository: str, command: str) -> ModelError:
    return ModelError(
        f"expected {api.endpoint} to answer for {repository}, got no network; connect, or name another origin, or a "
        f"folder with {'models' if command == 'push' else 'the model'}, as in: affekt --mirror /models {command} ..."
    )


def _nearest(api: "HfApi", repository: str) -> str:
    """Return the nearest name among the models of the same user, empty where there is none."""
    with suppress(Exception):  # only a hint, whatever fails
        user = repository.partition("/")[0]
        names = [model.id for model in api.list_models(author=user, limit=200)]
        return nearest(repository, names)
    return ""
