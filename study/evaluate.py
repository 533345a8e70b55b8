"""The study's own entry point: `python evaluate.py runs/mobilenetv2 --data faces.parquet --split test --out report`."""

import sys

from affekt.cli.main import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
