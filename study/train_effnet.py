"""The study's own entry point: `python train_effnet.py --data faces.parquet --out runs/efficientnetv2b0`."""

import sys

from affekt.cli.main import main

if __name__ == "__main__":
    main(["train", "efficientnetv2b0", *sys.argv[1:]])
