"""Lab: development figures into the cards beside what `affekt evaluate --record` wrote; milliseconds a crop, one thread, least of many."""
import sys; sys.path.insert(0, 'research')
import time, numpy as np, onnxruntime as ort
from dataclasses import replace
from pathlib import Path
import dev
from affekt.models.card import read_card
from affekt.export.onnx_file import describe
for name in ('affekt-wild', 'affekt-wild-fast'):
    out = Path('research/out') / name; z = np.load(f'lab/final_{name}.npz'); c = dev.cccs(z['va']); note = {}
    for d in dev.SETS:
        f = dev.figures(z[f'p_{d}'], dev.labels(d)); note[f'{d} development'] = {'data': d, 'split': 'held' if d == 'ferplus' else 'dev', 'rows': int(f['n']), 'protocol': 'seven expressions; heads, prior, scale and margin were chosen on these pictures, so the figures flatter', 'figures': {k: {'value': round(float(f[v]), 4)} for k, v in dict(accuracy='acc', macro_f1='f1', ece='ece', log_loss='nll').items()}}
    note['diffusionfer development'] |= {'valence_arousal_origin': 'rated'}; note['diffusionfer development']['figures'] |= {'ccc_valence': {'value': round(float(c[0]), 4)}, 'ccc_arousal': {'value': round(float(c[1]), 4)}}
    card = read_card(out); card = replace(card, metrics={**card.metrics, **note}, training={**card.training, 'multiply_adds_millions': 71.4 if name == 'affekt-wild' else 20.5}); card.write(out); describe(out / 'model.onnx', card)
o = ort.SessionOptions(); o.intra_op_num_threads = 1; S = {}
for n, p in (('affekt', 'src/affekt/shipped/affekt'), ('affekt-fast', 'src/affekt/shipped/affekt-fast'), ('affekt-wild', 'research/out/affekt-wild'), ('affekt-wild-fast', 'research/out/affekt-wild-fast')): S[n] = ort.InferenceSession(f'{p}/model.onnx', o)
t = {n: [] for n in S}; x = np.random.default_rng(0).normal(size=(16, 1, 48, 48)).astype(np.float32)
for _ in range(40):
    for n, s in S.items(): a = time.perf_counter(); s.run(None, {s.get_inputs()[0].name: x}); t[n].append(time.perf_counter() - a)
print({n: f'{1000 * min(v) / 16:.2f} ms' for n, v in t.items()})
