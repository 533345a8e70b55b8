import sys; sys.path.insert(0, 'research')
import numpy as np, torch
from pathlib import Path
import dev
from foreign import FaceApi, Fer
from affekt.models.saving import load_model
from affekt.faces.preprocessing import normalise
torch.set_num_threads(1); torch.set_grad_enabled(False)
def net_logits(net, card, c, flip=False):
    out, va = [], []
    for i in range(0, len(c), 256):
        x = torch.from_numpy(normalise(c[i:i + 256], card.preprocessing)); o = net(x); out.append(o.logits / card.temperature); va.append(o.valence_arousal)
    return torch.cat(out).numpy(), torch.cat(va).numpy()
sm = lambda z: torch.softmax(torch.tensor(z), 1).numpy()
fa, fe = FaceApi(), Fer()
f = lambda m, c, t=1: torch.cat([m(torch.from_numpy(np.ascontiguousarray(c[i:i + 256]))) for i in range(0, len(c), 256)]).numpy() / t
for mg in (0., -.1, .2):
    print(dev.line(f'face-api m{mg}', {s: sm(f(fa, dev.crops(s, 112, mg, 3))) for s in dev.SETS}), flush=True)
    print(dev.line(f'fer m{mg}', {s: sm(f(fe, dev.crops(s, 64, mg)[..., 0])) for s in dev.SETS}), flush=True)
import polars as pl
v = pl.read_parquet('lab/ferplus-wide.parquet').filter(pl.col('split') == 'train')['votes'].to_numpy().mean(0); print('vote shares', v.round(4))
np.save('lab/shares.npy', v)
for name in ('affekt', 'affekt-fast'):
    net, card = load_model(Path('src/affekt/shipped') / name)
    for mg in (0., -.05, -.1):
        z = {s: net_logits(net, card, dev.crops(s, 48, mg)) for s in dev.SETS}
        print(dev.line(f'{name} m{mg}', {s: sm(z[s][0]) for s in dev.SETS}), 'ccc %.3f %.3f' % dev.cccs(z['diffusionfer'][1]), flush=True)
        for a in ((.25, .5, .75, 1.) if mg == 0 else (.5,)):
            print(dev.line(f'{name} m{mg} alpha {a}', {s: sm(z[s][0] - a * np.log(v)) for s in dev.SETS}), flush=True)
            if mg == 0 and a in (.5, 1.):
                for T in (1.5, 2.): print(dev.line(f'{name} m{mg} alpha {a} T{T}', {s: sm((z[s][0] - a * np.log(v)) / T) for s in dev.SETS}), flush=True)
    z = {s: net_logits(net, card, dev.crops(s, 48, 0., level=True)) for s in dev.SETS}
    print(dev.line(f'{name} levelled', {s: sm(z[s][0]) for s in dev.SETS}), flush=True)
    z = {s: net_logits(net, card, dev.stretch(dev.crops(s, 48, 0.))) for s in dev.SETS}
    print(dev.line(f'{name} stretched', {s: sm(z[s][0]) for s in dev.SETS}), flush=True)
