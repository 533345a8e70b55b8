"""Lab: mixture of heads, prior and temperature into one head; figures; an affekt model folder."""
import sys; sys.path.insert(0, 'research')
import argparse, json, numpy as np, torch, pickle
from dataclasses import replace
from pathlib import Path
import dev
from train import Multi, sm
from affekt.models.network import Network, parameter_count

V = np.load('lab/shares.npy') if Path('lab/shares.npy').exists() else None
PRIOR = np.log(V) - np.log(V)[:7].mean()

def eight(z):
    """All heads' logits on eight expressions, the first seven centred; contempt from the votes head."""
    k = z['votes'][:, 7:] - z['votes'][:, :7].mean(1, keepdims=True)
    out = {}
    for h in z:
        if h.startswith('va_'): continue
        s = z[h][:, :7] - z[h][:, :7].mean(1, keepdims=True); out[h] = np.concatenate([s, z[h][:, 7:] - z[h][:, :7].mean(1, keepdims=True) if h in ('mix', 'affekt') else k], 1)
    return out

def fit(E, sets, heads, free=False, beta=None, fer_weight=1., contempt=True):
    """Weights >= 0, beta of the FER+ prior (or seven free biases), least mean log loss over the sets (eight classes on FER+)."""
    raw = torch.full((len(heads),), -1.5, requires_grad=True); b = torch.tensor(.5 if beta is None else float(beta)); b.requires_grad_(beta is None); f = torch.zeros(8, requires_grad=free)
    ps = [raw] + ([b] if beta is None else []) + ([f] if free else []); opt = torch.optim.LBFGS(ps, lr=.5, max_iter=200, line_search_fn='strong_wolfe'); prior = torch.tensor(PRIOR, dtype=torch.float32)
    xs = {s: torch.tensor(np.stack([E[s][h] for h in heads]), dtype=torch.float32) for s in sets}; ys = {s: torch.tensor(dev.labels(s)) for s in sets}
    def close():
        opt.zero_grad(); w = torch.nn.functional.softplus(raw); l = 0.
        for s in sets: z = (w[:, None, None] * xs[s]).sum(0) + b * prior + f; k = 8 if s == 'ferplus' else 7; l = l + (fer_weight if s == 'ferplus' else 1.) * torch.nn.functional.cross_entropy(z[:, :k], ys[s]) / len(sets)
        l = l + 1e-3 * w.square().sum() + 5e-3 * f.square().sum(); l.backward(); return l
    opt.step(close); return torch.nn.functional.softplus(raw).detach().numpy(), (float(b) * PRIOR + f.detach().numpy()), float(b)

def mixed(E, heads, w, b): return sm(sum(wi * E[h] for wi, h in zip(w, heads)) + b)

def report(z, heads, say=print, **k):
    E = {s: eight(z[s]) for s in dev.SETS}; w, b, beta = fit(E, dev.SETS, heads, **k); out = {s: mixed(E[s], heads, w, b) for s in dev.SETS}
    say(dev.line(f'{k or "beta free"}', out)); say(f'      beta {beta:.2f} ' + ' '.join(f'{h} {x:.2f}' for h, x in zip(heads, w) if x > .005))
    lo = {}
    for s in dev.SETS:
        w2, b2, _ = fit(E, [q for q in dev.SETS if q != s], heads, **k); lo[s] = mixed(E[s], heads, w2, b2)
    say(dev.line('      each set left out of its fit', lo)); return w, b, out

def folded(m, arch, heads, w, b, va):
    """One network: expression head of eight, valence-arousal head of two; va: {head: share}."""
    n = Network(arch, 256, ('expression', 'valence_arousal'), 1); n.backbone.load_state_dict(m.net.backbone.state_dict()); n.heads.hidden.load_state_dict(m.hidden.state_dict())
    W = torch.zeros(8, 256); B = torch.tensor(b, dtype=torch.float32).clone(); own = lambda h: h in ('mix', 'affekt')
    for h, x in zip(heads, w):
        H, V8 = m.heads[h], m.heads[h] if own(h) else m.heads['votes']; x = float(x)
        W[:7] += x * (H.weight[:7] - H.weight[:7].mean(0)); B[:7] += x * (H.bias[:7] - H.bias[:7].mean())
        W[7] += x * (V8.weight[7] - V8.weight[:7].mean(0)); B[7] += x * (V8.bias[7] - V8.bias[:7].mean())
    n.heads.expression.weight.data.copy_(W); n.heads.expression.bias.data.copy_(B)
    n.heads.valence_arousal.weight.data.copy_(sum(x * m.heads[h].weight for h, x in va.items())); n.heads.valence_arousal.bias.data.copy_(sum(x * m.heads[h].bias for h, x in va.items()))
    return n.eval()
