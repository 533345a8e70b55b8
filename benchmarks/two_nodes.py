"""A training on two machines that loses a process: `python benchmarks/two_nodes.py` (Linux, as root, a minute).

Two network namespaces, which see each other through one cable, stand for the machines; each has one process. The second
is killed in its second epoch, and torchrun begins both again. Their weights must be those of two processes of one
machine that lost nothing.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from before import check
from safetensors.torch import load_file

from affekt import write_manifest
from affekt.cores import processor
from affekt.models.card import WEIGHTS_FILE
from drawn_faces import drawn_manifest

NODES = {"affekt-one": "10.77.0.1", "affekt-two": "10.77.0.2"}
TRAINING = ["-m", "affekt", "train", "mobilenetv2-drawn", "--data", "faces.parquet", "--epochs", "3", "--device", "cpu"]
MOST_S = 900


@contextmanager
def namespaces() -> Iterator[None]:
    """Make two network namespaces and a cable between them; take them away at the end."""
    one, two = NODES
    try:
        for node in NODES:
            subprocess.run(["ip", "netns", "add", node], check=True)
        subprocess.run(
            ["ip", "link", "add", "cable", "netns", one, "type", "veth", "peer", "cable", "netns", two], check=True
        )
        for node, address in NODES.items():
            for words in (f"addr add {address}/24 dev cable", "link set cable up", "link set lo up"):
                subprocess.run(["ip", "-n", node, *words.split()], check=True)
        yield
    finally:
        for node in NODES:
            subprocess.run(["ip", "netns", "delete", node], check=False)


def torchrun(node: str, out: str) -> "subprocess.Popen[str]":
    """Start one machine's part of a training; without a node, a training of two processes."""
    options = ["--standalone", "--nproc-per-node", "2"]
    inside: list[str] = []
    if node:
        inside = ["ip", "netns", "exec", node]
        options = ["--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3", "--local-addr", NODES[node]]
        options += [
            "--rdzv-conf",
            f"is_host={node == 'affekt-one'}",
            "--rdzv-backend",
            "c10d",
            "--rdzv-id",
            "affekt",
            "--rdzv-endpoint",
            f"{NODES['affekt-one']}:29500",
        ]
    environment = os.environ | {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "OMP_NUM_THREADS": "1"}
    environment |= {"GLOO_SOCKET_IFNAME": "cable"} if node else {}
    command = [*inside, sys.executable, "-m", "torch.distributed.run", *options, *TRAINING, "--out", out]
    with Path(f"{out}-{node}.txt").open("w", encoding="utf-8") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said, text=True)


def ended(runs: "list[subprocess.Popen[str]]", out: str) -> None:
    """Wait for trainings; end with what they said if one fails."""
    for run in runs:
        if run.wait(timeout=MOST_S):
            raise SystemExit("".join(path.read_text(encoding="utf-8")[-3000:] for path in Path().glob(f"{out}-*.txt")))


def worker_of(agent: int) -> int:
    """Return the process that an agent of torchrun has begun."""
    return int(Path(f"/proc/{agent}/task/{agent}/children").read_text(encoding="utf-8").split()[0])


def main() -> None:
    """Train, kill, compare, and tell."""
    ArgumentParser(description=__doc__).parse_args()
    needs = {"ip": "apt-get install iproute2", "torchrun": 'pip install ".[train]"'}
    check("a minute on two cores", detector=False, needs=needs)
    if os.geteuid():
        sys.exit("expected root, who may make network namespaces; type: sudo .venv/bin/python benchmarks/two_nodes.py")
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        write_manifest(drawn_manifest(identities=12, pictures_per_identity=8, size=48, seed=0), "faces.parquet")
        ended([torchrun("", "unbroken")], "unbroken")
        with namespaces():
            runs = [torchrun(node, "nodes") for node in NODES]
            while not Path("nodes/checkpoint.safetensors").exists() and runs[1].poll() is None:
                time.sleep(0.02)
            if runs[1].poll() is not None:
                ended(runs, "nodes")
            epochs = len(Path("nodes/log.jsonl").read_text(encoding="utf-8").splitlines())
            os.kill(worker_of(runs[1].pid), signal.SIGKILL)
            ended(runs, "nodes")
        weights, wanted = (load_file(Path(out, WEIGHTS_FILE)) for out in ("nodes", "unbroken"))
        furthest = max(float((weights[key].float() - wanted[key].float()).abs().max()) for key in wanted)
        log = pl.read_ndjson("nodes/log.jsonl")["epoch"].to_list()
    print(f"The second machine's process was killed after epoch {epochs}; the log has the epochs {log}.")
    print(f"Weights differ by at most {furthest:g} from those of one machine. {processor()}.")
    if log != [1, 2, 3] or furthest > 0:
        raise SystemExit("expected the same weights after three epochs")


if __name__ == "__main__":
    main()
