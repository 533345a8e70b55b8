#!/usr/bin/env bash
# From the FER+ files to a model folder like `affekt`: results/affekt/make_affekt.sh FER2013.tar.gz FER2013NEW.csv OUT
# Needs `pip install '.[train]'` and about four hours of one to two cores with AVX-512; started again, it goes on.
set -euo pipefail
pictures=$1 votes=$2 out=$3
mkdir -p "$out"

affekt data import ferplus "$pictures" "$votes" --valence-arousal projected --out "$out/ferplus.parquet"
affekt data check "$out/ferplus.parquet" --drop-leaks "$out/ferplus-clean.parquet"
affekt data import ferplus "$pictures" "$votes" --valence-arousal projected --rule argmax --out "$out/argmax.parquet"
python "$(dirname "$0")/widen.py" "$out/ferplus-clean.parquet" "$out/argmax.parquet" --out "$out/ferplus-wide.parquet"

if [ ! -f "$out/runs/affekt/model.safetensors" ]; then
  affekt train affekt --data "$out/ferplus-wide.parquet" --validation held --out "$out/runs/affekt" --resume
fi
affekt export "$out/runs/affekt" --out "$out/models/affekt" --precision fp16
affekt evaluate "$out/models/affekt" --data "$out/ferplus-clean.parquet" --split val --corruptions --out "$out/report"
