"""Load on `affekt serve`, on loopback, bounded: how many requests fail, how long answers take, what the memory does.

The service is a process of its own; the clients are threads of this one, each with one request at a time, and send
drawn scenes of four sizes as JPEG. A 503 with Retry-After is no failure: the client waits as it is told and asks again.
"""

import io
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import tyro
from before import check
from PIL import Image

from affekt.cores import core_count
from drawn_faces import drawn_scene

SIZES = ((640, 360), (1280, 720), (400, 600), (900, 900))
"""Of the pictures, in turn: what the detector needs depends on them."""
LOOKS_AT_MEMORY = 5
PATIENCE_S = 60.0
"""How long a client waits for an answer."""
MOST_GROWTH = 1.25
"""Memory at the end in shares of that after the warm-up, beyond which it does not count as flat."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the service is loaded with."""

    model: Path = Path("affekt")
    """Model to serve."""
    clients: int = 64
    """Clients at once."""
    pictures: int = 2000
    """Pictures in all."""
    samples: int = 40
    """Different pictures, sent in turn."""
    faces: str = "auto"
    """The query's option."""
    queue: int = 128
    """The service's option; one below the number of clients makes it refuse."""
    most_s: float = 600.0
    """No request is begun after this time."""


@dataclass
class Report:
    """What the clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Of each picture that was answered, without the tries that were refused."""
    failures: list[str] = field(default_factory=list)
    faces: int = 0
    resident_mb: list[float] = field(default_factory=list)


def main() -> None:
    """Start the service, load it and print the report; exit with 1 where a request failed or memory grew."""
    options = tyro.cli(Options, description=__doc__)
    check("half a minute for 2,000 pictures on two cores", models=[options.model], detector=options.faces != "whole")
    samples = [drawn_jpeg(number) for number in range(options.samples)]
    with service(options) as address:
        load(address, options, samples, pictures=4 * options.clients)  # threads and buffers are there after it
        before = metrics(address)
        start_s = time.monotonic()
        report = load(address, options, samples, pictures=options.pictures)
        took_s = time.monotonic() - start_s
        after = metrics(address)
    print(described(options, report, took_s, {name: after[name] - before.get(name, 0) for name in after}))
    is_flat = report.resident_mb[-1] <= MOST_GROWTH * report.resident_mb[0]
    if report.failures or len(report.seconds) < options.pictures or not is_flat:
        raise SystemExit(1)


def drawn_jpeg(number: int) -> bytes:
    """Draw a scene of one to six faces."""
    width, height = SIZES[number % len(SIZES)]
    buffer = io.BytesIO()
    Image.fromarray(drawn_scene(seed=number, width=width, height=height).image_rgb).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@contextmanager
def service(options: Options) -> Iterator[str]:
    """Run `affekt serve` on a free port, and yield its address."""
    command = [sys.executable, "-m", "affekt", "serve", "--model", str(options.model), "--port", "0"]
    with subprocess.Popen([*command, "--queue", str(options.queue)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            if not said.startswith("affekt serves "):
                raise SystemExit("the service did not start")
            yield said.split()[2].rstrip("/")
        finally:
            process.terminate()


def load(address: str, options: Options, samples: list[bytes], *, pictures: int) -> Report:
    """Send pictures from all clients, and look at the service's memory from time to time."""
    report, deadline_s = Report(), time.monotonic() + options.most_s
    numbers = iter(range(pictures))
    looks = {round(share * (pictures - 1)) for share in np.linspace(0, 1, LOOKS_AT_MEMORY)}

    def be_a_client(client: int) -> None:
        with httpx2.Client(base_url=address, trust_env=False, timeout=PATIENCE_S) as connection:
            for number in numbers:
                if time.monotonic() > deadline_s:
                    return
                try:
                    send(connection, samples[number % len(samples)], options.faces, report, deadline_s)
                except httpx2.HTTPError as error:
                    report.failures.append(repr(error))
                if number in looks:
                    report.resident_mb.append(metrics(address)["process_resident_memory_bytes"] / 1e6)

    with ThreadPoolExecutor(options.clients) as pool:
        list(pool.map(be_a_client, range(options.clients)))
    return report


def send(connection: httpx2.Client, picture: bytes, faces: str, report: Report, deadline_s: float) -> None:
    """Send a picture, again after each 503 as it says, until it is answered or the time is up."""
    while True:
        start_s = time.monotonic()
        answer = connection.post("/v1/analyze", params={"faces": faces}, content=picture)
        report.statuses[answer.status_code] += 1
        is_refused = answer.status_code == 503 and "retry-after" in answer.headers
        if not is_refused:
            break
        if time.monotonic() > deadline_s:
            return
        time.sleep(float(answer.headers["retry-after"]))
    if answer.status_code != 200:
        report.failures.append(f"{answer.status_code}: {answer.text[:200]}")
        return
    report.seconds.append(time.monotonic() - start_s)
    report.faces += sum(row["status"] == "ok" for row in answer.json()["rows"])


def metrics(address: str) -> dict[str, float]:
    """Read the service's own counters, those without labels."""
    lines = httpx2.get(f"{address}/metrics", trust_env=False, timeout=PATIENCE_S).text.splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in pairs}


def described(options: Options, report: Report, took_s: float, counted: dict[str, float]) -> str:
    """Return the report as lines of text."""
    seconds = np.array(report.seconds or [np.nan])
    passes = max(1.0, counted["affekt_batch_faces_count"])
    memory = ", ".join(f"{value:.0f}" for value in report.resident_mb)
    return "\n".join(
        (
            f"{options.clients} clients, {options.pictures} pictures, model {options.model}, faces {options.faces}, "
            f"queue {options.queue}; {platform.machine()}, {core_count()} cores shared with the clients",
            f"answered {len(report.seconds)} in {took_s:.1f} s, {len(report.seconds) / took_s:.1f} pictures/s; "
            f"{report.faces} faces",
            f"statuses {dict(sorted(report.statuses.items()))}; failures {len(report.failures)}",
            f"seconds an answer: p50 {np.quantile(seconds, 0.5):.3f}, p95 {np.quantile(seconds, 0.95):.3f}, "
            f"most {seconds.max():.3f}",
            f"CPU of the service {counted['process_cpu_seconds_total']:.1f} s, "
            f"{1e3 * counted['process_cpu_seconds_total'] / max(1, len(report.seconds)):.1f} ms per picture",
            f"faces a pass of the network: {counted['affekt_batch_faces_sum'] / passes:.1f} on average",
            f"memory of the service along the way: {memory} MB",
            *report.failures[:5],
        )
    )


if __name__ == "__main__":
    main()
