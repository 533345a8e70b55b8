"""Several `affekt train` commands at once, each in a process of its own on its share of the cores.

Small depthwise networks gain next to nothing from a second core: MobileNetV2 at 48 px trained 187 pictures a second on
one and 183 on two.
"""

import os
import subprocess
import sys
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from affekt.cores import core_count
from affekt.errors import AffektError


def train_side_by_side(commands: dict[str, list[str]]) -> None:
    """Run trainings, as many at once as there are cores, and print each one's lines behind its name.

    Args:
        commands: name to print -> arguments of `affekt train`; started in this order, so put long ones first.

    Raises:
        AffektError: one ended with an error; the others are stopped.
    """
    at_once = min(core_count(), len(commands))
    width = max(map(len, commands))
    running: list[subprocess.Popen[str]] = []
    stopped = threading.Event()

    def train(name: str, arguments: list[str]) -> None:
        if stopped.is_set():
            return
        command = [sys.executable, "-m", "affekt", "train", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": str(core_count() // at_once)}
        last = ""
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            running.append(process)
            assert process.stdout is not None
            for line in process.stdout:
                last = line.rstrip() or last
                print(f"{name:<{width}}  {line.rstrip()}", flush=True)
        if process.returncode and not stopped.is_set():
            stopped.set()
            raise AffektError(f"training {name}: {last.removeprefix('affekt: ')}")

    with ThreadPoolExecutor(at_once) as pool:
        trainings = [pool.submit(train, name, arguments) for name, arguments in commands.items()]
        try:
            wait(trainings, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
            for process in running:
                process.terminate()
    for training in trainings:
        training.result()
