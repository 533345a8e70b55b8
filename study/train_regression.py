"""The study's own entry point: `python train_regression.py --data faces.parquet --out runs/vgg16-va`."""

import sys

from affekt.cli.main import main

if __name__ == "__main__":
    main(["train", "vgg16-va", *sys.argv[1:]])
