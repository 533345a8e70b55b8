"""Ray: the pieces of a job as tasks of a cluster, which places them, and gives those of lost machines to others."""

import logging
import os
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from platform import node
from typing import Any

from affekt.analysis.analyzer import Analyzer
from affekt.analysis.options import AnalyzerOptions, FaceFinder
from affekt.analysis.prediction_run import describe
from affekt.analysis.remote import is_address
from affekt.cluster import RAY_ADDRESS
from affekt.cluster.job import Job, Piece, write_parts
from affekt.cluster.parts import Parts
from affekt.cores import core_count
from affekt.errors import AffektError, ConfigError, DataError, first_line, needs_extra
from affekt.models.card import SHIPPED

TRIES = 8
"""How often a piece is begun whose worker was lost; an input that kills each of them stops the job."""
SLOW = 3.0
"""When nothing else waits, a piece that takes so many times the usual time is given to a second worker."""


@dataclass(frozen=True)
class Work:
    """What a worker needs to know besides its piece."""

    job: Job
    model: str
    options: AnalyzerOptions
    parts: str
    folder: str
    """The one that paths start from."""


@dataclass
class UnderWay:
    """A piece that workers have begun."""

    piece: Piece
    since_s: float
    tasks: list[Any] = field(default_factory=list)


def on_ray(pieces: Sequence[Piece], job: Job, analyzer: Analyzer, parts: Parts, address: str) -> Iterator[Piece]:
    """Yield each piece when its part is written, in any order.

    Raises:
        ConfigError: there is no such cluster.
        DataError: a worker cannot do as this machine does: it says why.
        MissingExtra: Ray is not installed.
    """
    model = analyzer.folder.name if analyzer.folder.parent == SHIPPED else str(analyzer.folder)
    # The runtime that is fastest here, on all machines, gives the same digits on all.
    options = replace(analyzer.options, threads=1, runtime=analyzer.session.runtime)
    work = Work(job, model, options, parts.folder, os.getcwd())  # noqa: PTH109  the text of it
    with _cluster(address) as ray:
        task = ray.remote(written).options(
            num_cpus=1, num_gpus=int(options.runtime == "cuda"), max_retries=TRIES, name="affekt"
        )
        yield from _done(ray, pieces, lambda piece: task.remote(piece, work))


def _done(ray: Any, pieces: Sequence[Piece], begin: Any) -> Iterator[Piece]:  # noqa: ANN401  Ray's module, a function
    """Keep the cluster's cores at work, with a few pieces more, and yield the pieces that are done."""
    waiting, by_task, seconds = deque(pieces), dict[Any, UnderWay](), list[float]()
    while waiting or by_task:
        cores = int(ray.cluster_resources().get("CPU", 1))  # machines come and go
        while waiting and len(by_task) < 2 * cores:
            under_way = UnderWay(waiting.popleft(), time.monotonic())
            by_task[_begun(under_way, begin)] = under_way
        if not waiting and len(by_task) < cores and seconds:
            for under_way in list(by_task.values()):
                if len(under_way.tasks) == 1 and _age_s(under_way) > SLOW * statistics.median(seconds):
                    by_task[_begun(under_way, begin)] = under_way
        ready, _ = ray.wait(list(by_task), timeout=1)
        for task in ready:
            if (under_way := by_task.get(task)) is None:  # of a piece that another worker has done
                continue
            _raise_told(ray, task, under_way.piece)
            for other in under_way.tasks:
                del by_task[other]
                if other is not task:
                    ray.cancel(other, force=True)
            seconds.append(_age_s(under_way))
            yield under_way.piece


def _begun(under_way: UnderWay, begin: Any) -> Any:  # noqa: ANN401  Ray's tasks
    under_way.tasks.append(begin(under_way.piece))
    return under_way.tasks[-1]


def _age_s(under_way: UnderWay) -> float:
    return time.monotonic() - under_way.since_s


def _raise_told(ray: Any, task: Any, piece: Piece) -> None:  # noqa: ANN401  Ray's module and task
    """Raise in one sentence why a task was not done, if it was not."""
    try:
        problem = ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if "No module named" not in str(error):
            raise
        problem = "expected affekt on each machine of the cluster, got one without; install the same there"
    except ray.exceptions.RayError as error:
        problem = (
            f"expected the inputs from {piece.names[0]} to {piece.names[-1]} to be read, got their worker lost "
            f"{TRIES + 1} times ({type(error).__name__}); give each more memory, or leave out what kills it"
        )
    if problem:
        raise DataError(problem)


def written(piece: Piece, work: Work) -> str:
    """Write the part of a piece, in a worker; return why it cannot, or nothing."""
    try:
        if not os.path.isdir(work.folder):  # noqa: PTH112
            raise DataError(f"expected the folder {work.folder} on each machine, got none on {node()}; share it")
        os.chdir(work.folder)
        analyzer, described = _opened(work.model, work.options, work.job.faces)
        if differ := [name for name, value in work.job.described.items() if described.get(name) != value]:
            here, there = (found.get(differ[0]) for found in (described, work.job.described))
            raise DataError(
                f"expected the same affekt and model on each machine, got {differ[0]} {here} on {node()} "
                f"in place of {there}; install the same there"
            )
        files = [name for name in piece.names if not is_address(name)]
        if piece.was_there and files and not any(map(os.path.lexists, files)):
            raise DataError(
                f"expected {files[0]} on each machine, got none on {node()}; share its folder, or name "
                "the inputs by address"
            )
        for _ in write_parts([piece], work.job, analyzer, Parts(work.parts)):
            pass
    except AffektError as error:
        return str(error)
    return ""


@cache
def _opened(model: str, options: AnalyzerOptions, faces: FaceFinder) -> tuple[Analyzer, dict[str, str]]:
    """Open the model once in each worker, which Ray keeps for the next piece."""
    analyzer = Analyzer(model, options)
    return analyzer, describe(analyzer, faces)


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Yield Ray, connected to a cluster, or to one of this machine's cores that ends with the block."""
    if address != "ray" and not RAY_ADDRESS.fullmatch(address):
        raise ConfigError(
            f"expected ray, or the address of a Ray cluster such as head:6379, as engine, got {address}; type: --ray, "
            "or engine='ray' in Python"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what affekt looks at is nobody's business
    with needs_extra("ray"):
        ray: Any = import_module("ray")
    if ray.is_initialized():
        yield ray
        return
    place = ("auto" if os.environ.get("RAY_ADDRESS") else "local") if address == "ray" else address
    own: dict[str, Any] = {"num_cpus": core_count(), "include_dashboard": False} if place == "local" else {}
    try:
        ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # Ray raises whatever its parts say, and bare exceptions of its own
        ray.shutdown()
        why = first_line(error)
        advice = (
            "is this machine too busy? shard='1/2' needs no Ray (--shard 1/2)" if own else "start one: ray start --head"
        )
        raise ConfigError(
            f"expected {'Ray to start here' if own else f'a Ray cluster at {place}'}, got none ({why}); {advice}"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()
