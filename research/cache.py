"""Lab: crops of all sets as arrays. Canvas: 96 px, the face's square (margin 0) is the middle 64; RGB 112 px crops for foreign teachers."""
import sys
import numpy as np, polars as pl
from affekt.data.manifest import read_row_rgb
from affekt.faces.detection import FaceDetector
from affekt.faces.preprocessing import Preprocessing, crop_face
from PIL import Image
from affekt.labels import LABELS

CANVAS = Preprocessing(input_size=96, channels=1, mean=(.5,), std=(.25,), crop_margin=.5)
BIG = Preprocessing(input_size=112, channels=3, crop_margin=0.)
det = FaceDetector()

def square(box):
    l, t, r, b = (float(v) for v in box); s = max(r - l, b - t); return (l + r) / 2, (t + b) / 2, s

def largest(faces):
    return int(np.prod(np.clip(faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2], 0, None), axis=1).argmax())

def main(name, manifest, splits):
    rows = pl.read_parquet(manifest).filter(pl.col('split').is_in(splits))
    n = rows.height
    fer = name == 'ferplus'
    canvas = np.zeros((n, 96, 96), np.uint8); lm = np.full((n, 5, 2), np.nan, np.float32); alt = np.full((n, 3), np.nan, np.float32)
    big = None if fer else np.zeros((n, 112, 112, 3), np.uint8)
    for i, row in enumerate(rows.iter_rows(named=True)):
        rgb = read_row_rgb(row)
        h, w = rgb.shape[:2]
        if fer:
            look = np.asarray(Image.fromarray(rgb).resize((144, 144), Image.Resampling.BICUBIC)); k = 1 / 3
            box = np.array([0, 0, w, h], float)
        else:
            look, k, box = rgb, 1., row['box_xyxy']
            box = np.array(box if box is not None else [0, 0, w, h], float)
        faces = det.detect(look)
        cx, cy, s = square(box)
        to = lambda xy: (np.asarray(xy) * k - np.array([cx, cy])) * (64 / s) + 48
        if len(faces):
            j = largest(faces)
            lm[i] = to(faces.landmarks_xy[j])
            fx, fy, fs = square(faces.box_xyxy[j])
            alt[i] = [*to([fx, fy]), fs * k * 64 / s]
        canvas[i] = crop_face(rgb, CANVAS, box)[..., 0]
        if big is not None: big[i] = crop_face(rgb, BIG, box)
    out = dict(canvas=canvas, lm=lm, alt=alt, emotion=np.array([LABELS.index(e) if e else -1 for e in rows['emotion']]), id=np.array(rows['source_id']), split=np.array(rows['split']),
        va=np.stack([rows['valence'].to_numpy().astype(np.float32), rows['arousal'].to_numpy().astype(np.float32)], 1), sha=np.array(rows['pixel_sha256']))
    if 'votes' in rows.columns and rows['votes'].null_count() < n: out['votes'] = rows['votes'].to_numpy().astype(np.float32)
    if big is not None: np.save(f'lab/big_{name}.npy', big)
    np.savez(f'lab/c_{name}.npz', **out)
    print(name, n, 'found', np.isfinite(lm[:, 0, 0]).mean(), flush=True)

if __name__ == '__main__':
    L = 'lab/'
    for a in sys.argv[1:]:
        if a == 'ferplus': main('ferplus', L + 'ferplus-wide.parquet', ['train', 'held'])
        elif a == 'drawn': main('drawn', L + 'drawn.parquet', ['train', 'val', 'test'])
        else: main(a, L + a + '.parquet', ['train', 'dev', 'apart'])
