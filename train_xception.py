"""The study's own entry point: `python train_xception.py --data faces.parquet --out runs/xception`."""

import sys

from affekt.cli.main import main

main(["train", "xception", *sys.argv[1:]])
