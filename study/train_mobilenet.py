"""The study's own entry point: `python train_mobilenet.py --data faces.parquet --out runs/mobilenetv2`."""

import sys

from affekt.cli.main import main

if __name__ == "__main__":
    main(["train", "mobilenetv2", *sys.argv[1:]])
