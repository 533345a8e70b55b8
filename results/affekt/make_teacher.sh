#!/usr/bin/env bash
# From the FER+ files to a network like the one that teaches `affekt`: results/affekt/make_teacher.sh FER2013.tar.gz FER2013NEW.csv OUT
# Needs `pip install ".[train]"` and about four hours of one to two cores with AVX-512; started again, it goes on.
set -euo pipefail
pictures=$1 votes=$2 out=$3
mkdir -p "$out"

affekt data import ferplus "$pictures" "$votes" --valence-arousal projected --out "$out/ferplus.parquet"
affekt data check "$out/ferplus.parquet" --drop-leaks "$out/ferplus-clean.parquet"
affekt data import ferplus "$pictures" "$votes" --valence-arousal projected --rule argmax --out "$out/argmax.parquet"
python "$(dirname "$0")/widen.py" "$out/ferplus-clean.parquet" "$out/argmax.parquet" --out "$out/ferplus-wide.parquet"

if [ ! -f "$out/runs/affekt-ferplus/model.safetensors" ]; then
  affekt train affekt-ferplus --data "$out/ferplus-wide.parquet" --validation held --out "$out/runs/affekt-ferplus" --resume
fi
affekt export "$out/runs/affekt-ferplus" --out "$out/models/affekt-ferplus" --precision fp16
affekt evaluate "$out/models/affekt-ferplus" --data "$out/ferplus-clean.parquet" --split val --out "$out/report-ferplus"
