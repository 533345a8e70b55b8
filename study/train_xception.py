"""The study's own entry point: `python train_xception.py --data faces.parquet --out runs/xception`."""

import sys

from affekt.cli.main import main

if __name__ == "__main__":
    main(["train", "xception", *sys.argv[1:]])
