"""Write what another project's network says of a manifest's faces, as `affekt evaluate --predictions` reads it.

    python results/wild/peer_predictions.py human vladmandic-human-3.3.6.tgz --data cfee.parquet --split dev \
        --out predictions/human/cfee.parquet

`peers.py` says which networks there are and how to get their packages. None of them knows contempt, whose probability
is 0: score with `--without contempt`. The box, or the whole picture where there is none, is the manifest's own, so that
all networks meet the same faces; the margin is the one that is best for the network, unless another is given.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from peers import EXPRESSIONS, PEERS, Peer

from affekt.data.manifest import read_manifest, select_split
from affekt.files import write_parquet
from affekt.networks.predictions import ROWS_PER_BATCH, Crops


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("package", type=Path, help="the wheel or the tgz, as it comes from the registry")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--margin", type=float, help="how much the crop exceeds the box, as a fraction of it")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    peer = PEERS[options.peer](options.package)
    rows = select_split(read_manifest(options.data), options.split)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(predictions(peer, rows, peer.margin if options.margin is None else options.margin), options.out)


def predictions(peer: Peer, rows: pl.DataFrame, margin: float) -> pl.DataFrame:
    """Return a peer's predictions table of manifest rows."""
    batches = Crops(rows, peer.preprocessing(margin)).batches(ROWS_PER_BATCH)
    logits = np.concatenate([peer.logits(crops) for crops in batches]).astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    columns = {f"p_{label}": probabilities[:, place] for place, label in enumerate(EXPRESSIONS)}
    return pl.DataFrame({"source_id": rows["source_id"], **columns, "p_contempt": np.zeros(rows.height)})


if __name__ == "__main__":
    main()
