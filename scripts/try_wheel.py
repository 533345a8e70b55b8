"""Try a wheel as a stranger would: `python scripts/try_wheel.py dist/affekt-0.2.0-py3-none-any.whl`.

Installs it into a new environment, with nothing of this checkout, and there reads a picture, serves, and opens the live
page, the manual and the model's files. With `--beside` the libraries that it needs are those of the Python that runs
this script, and nothing is fetched.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "predict-marked.jpg"
PARTS = ("/", "/main.js", "/vendor/LICENSE.txt", "/detector.onnx", "/model/model.onnx", "/docs", "/v1/health")
"""What a page that works is made of, and what answers programs."""


def main() -> None:
    """Install, predict, serve; end with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--beside", action="store_true", help="take the libraries of this environment")
    options = parser.parse_args()
    wheel: Path = options.wheel
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", room / "environment"], check=True)
        binaries = room / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
        install = [sys.executable, "-m", "pip", "--python", binaries / "python", "install", "--quiet"]
        if options.beside:
            subprocess.run([*install, "--no-deps", "--no-index", wheel], check=True)
            # Paths alone: what their files say of further folders, such as this checkout, is not read.
            [packages] = (room / "environment").glob("[Ll]ib/**/site-packages")
            here = [path for path in sys.path if Path(path).name == "site-packages"]
            (packages / "beside.pth").write_text("\n".join(here), encoding="utf-8")
        else:
            subprocess.run([*install, f"{wheel.resolve()}[serve]"], check=True)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        # Nothing is kept from before, and nothing can be fetched: the detector must be in the wheel.
        environment |= {"AFFEKT_HOME": str(room / "home"), "HTTPS_PROXY": "http://127.0.0.1:9"}
        command = [binaries / "affekt", "predict", PICTURE, "--out", "faces.jsonl"]
        subprocess.run(command, check=True, cwd=room, env=environment)
        [row] = map(json.loads, (room / "faces.jsonl").read_text(encoding="utf-8").splitlines())
        if row["status"] != "ok":
            sys.exit(f"expected a face in {PICTURE.name}, got {row['status']}")
        serve(binaries / "affekt", room, environment)
    print(f"{wheel.name} predicts, serves and has the live page")


def serve(affekt: Path, room: Path, environment: dict[str, str]) -> None:
    """Start the service and open all of PARTS."""
    command = [affekt, "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=room, env=environment)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1].rstrip("/")
        opener = build_opener(ProxyHandler({}))
        for part in PARTS:
            with opener.open(address + part, timeout=60) as answer:
                if not answer.read():
                    sys.exit(f"expected {part} of the service, got an empty answer")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
