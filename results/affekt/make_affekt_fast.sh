#!/usr/bin/env bash
# From a trained `affekt` to a model folder like `affekt-fast`: results/affekt/make_affekt_fast.sh OUT
# OUT is the folder that make_affekt.sh wrote: its data, and the network that teaches. About an hour of one core.
set -euo pipefail
out=$1

if [ ! -f "$out/runs/affekt-fast/model.safetensors" ]; then
  affekt train affekt-fast --teachers "$out/runs/affekt" --data "$out/ferplus-wide.parquet" --validation held \
      --out "$out/runs/affekt-fast" --resume
fi
affekt export "$out/runs/affekt-fast" --out "$out/models/affekt-fast"
affekt evaluate "$out/models/affekt-fast" --data "$out/ferplus-clean.parquet" --split val --corruptions --out "$out/report-fast"
