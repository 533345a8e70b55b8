"""Lab: the development score of results/wild/README.md, on arrays."""
import functools, math, os
import numpy as np, polars as pl
from PIL import Image
from affekt.data.manifest import read_row_rgb
from affekt.faces.detection import FaceDetector
from affekt.faces.preprocessing import Preprocessing, crop_face
from affekt.labels import LABELS

SETS = ('ferplus', 'cfee', 'students', 'diffusionfer')
L = 'lab/'

@functools.cache
def rows(name):
    if name == 'public': d = pl.read_parquet(L + 'ferplus-wide.parquet').filter(pl.col('split') == 'val')
    elif name == 'ferplus': d = pl.read_parquet(L + 'ferplus-wide.parquet').filter(pl.col('split') == 'held')
    elif name == 'apart': d = pl.read_parquet(L + 'students.parquet').filter(pl.col('split').is_in(['apart', 'dev']) & pl.col('emotion').is_not_null())
    else: d = pl.read_parquet(L + name + '.parquet').filter(pl.col('split') == 'dev')
    return d

@functools.cache
def labels(name): return np.array([LABELS.index(e) for e in rows(name)['emotion']])
@functools.cache
def va(name): return np.stack([rows(name)['valence'].to_numpy(), rows(name)['arousal'].to_numpy()], 1)

def levelled(rgb, box, lm):
    (x0, y0), (x1, y1) = lm[0], lm[1]; a = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return np.asarray(Image.fromarray(rgb).rotate(a, Image.Resampling.BILINEAR, center=(float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)))

def crops(name, size=48, margin=0., channels=1, level=False):
    f = f'{L}crops/{name}_{size}_{margin}_{channels}_{int(level)}.npy'
    if os.path.exists(f): return np.load(f)
    os.makedirs(L + 'crops', exist_ok=True)
    p = Preprocessing(input_size=size, channels=channels, mean=(.5,) * channels, std=(.25,) * channels, crop_margin=margin)
    det = FaceDetector() if level else None; out = []
    for r in rows(name).iter_rows(named=True):
        rgb = read_row_rgb(r); h, w = rgb.shape[:2]; box = r['box_xyxy'] if r['box_xyxy'] is not None else [0, 0, w, h]
        if level:
            k = 3 if name in ('ferplus', 'public') else 1
            look = np.asarray(Image.fromarray(rgb).resize((w * k, h * k), 2)) if k > 1 else rgb
            fs = det.detect(look)
            if len(fs):
                j = int(np.prod(fs.box_xyxy[:, 2:] - fs.box_xyxy[:, :2], axis=1).argmax()); rgb = levelled(rgb, box, fs.landmarks_xy[j] / k)
        out.append(crop_face(rgb, p, box))
    out = np.stack(out); np.save(f, out); return out

def stretch(c, lo=1, hi=99):
    x = c.reshape(len(c), -1).astype(np.float32); a, b = np.percentile(x, [lo, hi], axis=1)
    return np.clip(np.rint((c - a[:, None, None, None]) * (255 / np.maximum(b - a, 20))[:, None, None, None]), 0, 255).astype(np.uint8)

def seven(p):
    q = p[:, :7]; return q / q.sum(1, keepdims=True)

def figures(p, y):
    """Seven classes; p (n, 7 or 8)."""
    keep = y < 7; p, y = seven(np.asarray(p, np.float64))[keep], y[keep]
    top = p.argmax(1); conf = p.max(1); f = []; rec = {}
    for c in range(7):
        if not (y == c).any(): continue
        tp = ((top == c) & (y == c)).sum(); f.append(2 * tp / max(1, (top == c).sum() + (y == c).sum())); rec[LABELS[c][:3]] = tp / (y == c).sum()
    bins = np.minimum((conf * 15).astype(int), 14); ok = top == y
    ece = sum(abs(conf[bins == b].mean() - ok[bins == b].mean()) * (bins == b).mean() for b in range(15) if (bins == b).any())
    nll = -np.log(np.clip(p[np.arange(len(y)), y], 1e-3, 1)).mean()
    return dict(n=len(y), acc=ok.mean(), f1=np.mean(f), ece=ece, nll=nll, score=np.mean(f) - nll / 4, recall=rec)

def score(ps):
    """ps: {set: p}. Returns (score, {set: figures})."""
    fs = {s: figures(ps[s], labels(s)) for s in SETS}; return float(np.mean([fs[s]['score'] for s in SETS])), fs

def line(name, ps):
    s, fs = score(ps)
    return f'{name:42} {s:+.4f}  ' + '  '.join(f"{k[:4]} {f['acc']:.3f}/{f['f1']:.3f}/{f['ece']:.3f}/{f['nll']:.3f}" for k, f in fs.items())

def ccc(a, b): return 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
def cccs(v): t = va('diffusionfer'); return ccc(v[:, 0], t[:, 0]), ccc(v[:, 1], t[:, 1])
