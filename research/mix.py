"""Lab: choose the mixture of heads, one temperature and a prior shift on the development sets; leave-one-domain-out says what the choice is worth."""
import sys; sys.path.insert(0, 'research')
import json, numpy as np, torch
import dev
from train import Multi, answers, sm, FACE_RESNETS
C = lambda z: z[:, :7] - z[:, :7].mean(1, keepdims=True)
CAND = ('votes', 'fer2013', 'students', 'generated', 'drawn', 'faceapi', 'fer', 'affekt', 'mix')

def fit(X, Y, sets, heads, l2=2e-3, bias=True, fixed=None):
    """Weights >= 0 of the heads and a bias of 7, least mean log loss over the sets."""
    raw = torch.full((len(heads),), -1.5, requires_grad=True); b = torch.zeros(7, requires_grad=True)
    opt = torch.optim.LBFGS([raw] + ([b] if bias else []), lr=.5, max_iter=150, line_search_fn='strong_wolfe')
    xs = {s: torch.tensor(np.stack([X[s][h] for h in heads]), dtype=torch.float32) for s in sets}; ys = {s: torch.tensor(Y[s]) for s in sets}
    def close():
        opt.zero_grad(); w = torch.nn.functional.softplus(raw); l = 0.
        for s in sets: z = (w[:, None, None] * xs[s]).sum(0) + b; l = l + torch.nn.functional.cross_entropy(z, ys[s]) / len(sets)
        l = l + l2 * b.square().sum() + 1e-3 * w.square().sum(); l.backward(); return l
    opt.step(close); return torch.nn.functional.softplus(raw).detach().numpy(), b.detach().numpy()

def apply(X, heads, w, b): return sm(sum(wi * X[h] for wi, h in zip(w, heads)) + b)

def report(z, heads, quiet=False, say=print):
    """z: {set: {head: logits}}."""
    X = {s: {h: C(z[s][h]) for h in heads} for s in dev.SETS}; keep = {s: dev.labels(s) < 7 for s in dev.SETS}; Y = {s: dev.labels(s)[keep[s]] for s in dev.SETS}
    K = {s: {h: X[s][h][keep[s]] for h in heads} for s in dev.SETS}
    w, b = fit(K, Y, dev.SETS, heads); out = {s: apply(X[s], heads, w, b) for s in dev.SETS}
    say(dev.line('mixed, fitted on all', out)); say('   ' + ' '.join(f'{h} {x:.2f}' for h, x in zip(heads, w)) + '  bias ' + ' '.join(f'{x:+.2f}' for x in b))
    lo = {}
    for s in dev.SETS:
        w2, b2 = fit(K, Y, [q for q in dev.SETS if q != s], heads); lo[s] = apply(X[s], heads, w2, b2)
    say(dev.line('mixed, each set left out of its fit', lo)); return w, b, out

if __name__ == '__main__':
    name, heads = sys.argv[1], tuple(sys.argv[2:]) or CAND[:8]
    o = json.load(open(f'lab/m_{name}.json')); m = Multi(o['arch']); m.load_state_dict(torch.load(f'lab/m_{name}.pt', weights_only=True)); m = m.to(memory_format=torch.channels_last)
    for mg in (-.05, 0., -.1):
        z = {s: answers(m, dev.crops(s, o['size'], mg if s != 'ferplus' else 0.)) for s in dev.SETS}; print('margin', mg)
        if mg == -.05:
            for h in CAND: print(dev.line('   ' + h, {s: sm(z[s][h]) for s in dev.SETS}))
        w, b, out = report(z, heads)
        print('   recall', {s: {k: round(float(v), 2) for k, v in dev.figures(out[s], dev.labels(s))['recall'].items()} for s in dev.SETS})
        if mg == -.05: print(json.dumps(dict(zip(heads, w.round(4).tolist()))), b.round(3).tolist())
