"""Lab: one backbone, a head per label convention; cached crops, AMX bf16. See results/wild/notebook.md."""
import sys, os; sys.path.insert(0, 'research')
import argparse, json, math, time
import numpy as np, polars as pl, torch
from functools import partial
from pathlib import Path
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
import dev
from affekt.models.face_resnet import FACE_RESNETS, face_resnet
from affekt.models.network import Network
from affekt.models.saving import load_model, write_tensors
from affekt.training.augmentation_settings import Augmentation
from affekt.training.degradation import degrade
from affekt.training.losses import concordance_loss
torch.set_num_threads(1)
FACE_RESNETS.update({'face_resnet18_w32_mirrored': partial(face_resnet, width=32, is_mirrored=True), 'face_resnet18_w24_mirrored': partial(face_resnet, width=24, is_mirrored=True),
    **{f'face_resnet18_w32_{"".join(map(str, l))}_mirrored': partial(face_resnet, width=32, layers=l, is_mirrored=True) for l in ((1, 2, 2, 2), (1, 1, 1, 1), (1, 2, 2, 1), (1, 1, 2, 1), (1, 1, 1, 2))}})

HEADS = {'votes': 8, 'fer2013': 7, 'students': 7, 'generated': 7, 'drawn': 8, 'faceapi': 7, 'fer': 7, 'affekt': 8, 'mix': 8}
REGRESS = ('va_votes', 'va_rated', 'va_drawn', 'va_mix')
LABEL = ('votes', 'fer2013', 'students', 'generated', 'drawn')

class Multi(nn.Module):
    def __init__(self, arch, hidden=256):
        super().__init__(); self.net = Network(arch, hidden, (), 1); self.net.heads = nn.Identity()
        feats = self.net.backbone.num_features
        self.hidden = nn.Linear(int(feats), hidden)
        self.heads = nn.ModuleDict({**{k: nn.Linear(hidden, n) for k, n in HEADS.items()}, **{k: nn.Linear(hidden, 2) for k in REGRESS}})
    def features(self, x): return torch.relu(self.hidden(self.net.backbone(x).mean((2, 3))))
    def forward(self, x):
        h = self.features(x); return {k: (torch.tanh(m(h)) if k in REGRESS else m(h)) for k, m in self.heads.items()}
    def start(self, folder):
        folder = Path(folder)
        if folder.suffix == '.pt':
            s = torch.load(folder, weights_only=True); own = self.state_dict()
            bad = [k for k in own if k not in s or s[k].shape != own[k].shape]; print('not taken', bad[:5], len(bad))
            self.load_state_dict({k: v for k, v in s.items() if k in own and own[k].shape == v.shape}, strict=False); return
        n, c = load_model(folder); self.net.backbone.load_state_dict(n.backbone.state_dict(), strict=False); self.hidden.load_state_dict(n.heads.hidden.state_dict())
        for k, w in HEADS.items():
            self.heads[k].weight.data.copy_(n.heads.expression.weight[:w] / c.temperature); self.heads[k].bias.data.copy_(n.heads.expression.bias[:w] / c.temperature)
        for k in REGRESS: self.heads[k].load_state_dict(n.heads.valence_arousal.state_dict())

def load_data(o):
    """All training pictures as one table of arrays."""
    hard = pl.read_parquet('lab/fer2013.parquet', columns=['pixel_sha256', 'emotion', 'split']); hard = {s: dev.LABELS.index(e) for s, e, p in hard.iter_rows() if p == 'train'}
    P = []
    for name in o.sets:
        d = np.load(f'lab/c_{name}.npz'); t = np.load(f'lab/t_{name}.npz'); k = np.flatnonzero(d['split'] == 'train') if name != 'drawn' else np.arange(len(d['split']))
        n = len(k); q = dict(canvas=d['canvas'][k], lm=d['lm'][k], alt=d['alt'][k], set=np.full(n, o.sets.index(name)), va=d['va'][k])
        e = d['emotion'][k]
        for h in LABEL: q[h] = np.full((n, HEADS[h]), np.nan, np.float32)
        eye = lambda e, w: np.where((e >= 0)[:, None] & (e < w)[:, None], np.eye(8, dtype=np.float32)[np.maximum(e, 0)][:, :w], np.nan)
        if name == 'ferplus':
            q['votes'] = d['votes'][k]; q['fer2013'] = eye(np.array([hard.get(s, -1) for s in d['sha'][k]]), 7)
        else: q[{'students': 'students', 'diffusionfer': 'generated', 'drawn': 'drawn'}[name]] = eye(e, HEADS[{'students': 'students', 'diffusionfer': 'generated', 'drawn': 'drawn'}[name]])
        for h in ('faceapi', 'fer', 'affekt'): q[h] = torch.softmax(torch.from_numpy(t[h][k]) / o.teacher_t, 1).numpy()
        m = f'lab/{o.mix}_{name}.npz'
        if o.mix: z = np.load(m); q['mix'] = z['p'][k]; q['va_mix'] = z['va'][k]
        else: q['mix'] = np.full((n, 8), np.nan, np.float32); q['va_mix'] = np.full((n, 2), np.nan, np.float32)
        # how often: rare labels more
        lab = {'ferplus': q['votes'].argmax(1) if name == 'ferplus' else e}.get(name, e); w = np.ones(n)
        if name in ('ferplus', 'students'):
            lab2 = np.where(lab < 0, 8, lab); share = np.bincount(lab2, minlength=9) / n; r = np.maximum(1, np.sqrt(.1 / np.maximum(share, 1e-4))); r[8] = 1; w = np.minimum(r, 6)[lab2]
            if name == 'ferplus':
                h = np.nan_to_num(q['fer2013']).argmax(1); w = np.where((h == 5), np.maximum(w, 3), w)
        q['w'] = w / w.sum(); P.append(q)
    return {k: np.concatenate([q[k] for q in P]) for k in P[0] if k != 'w'}, [q['w'] for q in P]

def crop(canvas, lm, alt, is_fer, size, g, o):
    """Random geometry: (n, 96, 96) uint8 canvases to (n, 1, size, size) in 0-1."""
    n = len(canvas); R = lambda: torch.rand(n, generator=g); U = lambda a, b: a + (b - a) * R(); N = lambda: torch.randn(n, generator=g)
    cx = torch.full((n,), 48.); cy = cx.clone(); s = torch.full((n,), 64.)
    ok = torch.isfinite(alt[:, 0]) & (alt[:, 2] > 40) & (alt[:, 2] < 96)
    use = ok & (R() < .5) & is_fer
    cx, cy, s = torch.where(use, alt[:, 0], cx), torch.where(use, alt[:, 1], cy), torch.where(use, alt[:, 2], s)
    eye = lm[:, 1] - lm[:, 0]; ang = torch.atan2(eye[:, 1], eye[:, 0]); lev = torch.isfinite(ang) & (ang.abs() < .8) & (R() < .35)
    a = torch.where(lev, torch.nan_to_num(ang), torch.zeros(n))
    wild = R() < .25; a = a + torch.where(wild, U(-.35, .35), N() * .08)
    s = s * (1 + U(-.15, .07)) * torch.exp(N() * .04)
    cx = cx + s * N().clamp(-2, 2) * .03; cy = cy + s * N().clamp(-2, 2) * .03
    asp = torch.exp(torch.where(R() < .25, U(-.3, .3), N() * .04)); flip = torch.where(R() < .5, -1., 1.)
    sx, sy = s * asp.clamp(max=1e9).sqrt() * flip, s / asp.sqrt()
    if o.plain: cx = cy = torch.full((n,), 48.); sx = torch.full((n,), 64.) * flip; sy = sx.abs(); a = torch.zeros(n)
    c, si = torch.cos(a), torch.sin(a)
    m = torch.stack([c * sx, -si * sy, cx * 2 - 96, si * sx, c * sy, cy * 2 - 96], 1).view(n, 2, 3) / 96
    k = 2 if size <= 48 else 1
    grid = F.affine_grid(m, [n, 1, size * k, size * k], align_corners=False)
    x = F.grid_sample(canvas[:, None].float() / 255, grid, padding_mode='border', align_corners=False)
    return F.avg_pool2d(x, k) if k > 1 else x

AUG = Augmentation(resolution=.2, blur=.15, jpeg=.2)
def light(x, g, strong=1.):
    n = len(x); R = lambda: torch.rand(n, 1, 1, 1, generator=g); U = lambda a, b: a + (b - a) * R()
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * torch.exp(U(-.5, .4) * strong) + mean + U(-.15, .15) * strong
    size = x.shape[-1]; t = torch.linspace(-1, 1, size); gx, gy = U(-1, 1), U(-1, 1); on = (R() < .2).float()
    x = x * (1 + on * .6 * (gx * t.view(1, 1, 1, -1) + gy * t.view(1, 1, -1, 1)))
    x = x.clamp(0, 1) ** torch.exp(U(-.5, .5) * strong)
    x = degrade(x, AUG, g)
    noisy = (R() < .25).float(); x = x + noisy * U(.01, .06) * torch.randn(x.shape, generator=g)
    return x.clamp(0, 1)

def cover(x, g, p):
    n, _, h, w = x.shape; U = lambda a, b: a + (b - a) * torch.rand(n, generator=g)
    area, asp = U(.03, .25), torch.exp(U(-1, 1)); hh, hw = (area * asp).sqrt().clamp(max=1) * h / 2, (area / asp).sqrt().clamp(max=1) * w / 2; cy, cx = U(0, 1) * h, U(0, 1) * w
    on = torch.rand(n, generator=g) < p
    iy = (torch.arange(h) - cy[:, None]).abs() < hh[:, None]; ix = (torch.arange(w) - cx[:, None]).abs() < hw[:, None]
    mask = (iy[:, :, None] & ix[:, None, :] & on[:, None, None])[:, None]
    flat = U(0, 1).view(n, 1, 1, 1); noise = torch.rand(x.shape, generator=g); return torch.where(mask, torch.where(flat > .5, noise, flat * 2), x)

@torch.inference_mode()
def answers(model, crops, batch=256):
    model.eval(); out = []
    for i in range(0, len(crops), batch):
        x = ((torch.from_numpy(crops[i:i + batch]).permute(0, 3, 1, 2).float() / 255 - .5) / .25).to(memory_format=torch.channels_last)
        with torch.autocast('cpu', torch.bfloat16): out.append(model(x))
    return {k: torch.cat([o[k].float() for o in out]).numpy() for k in out[0]}

def sm(z): z = z - z.max(1, keepdims=True); e = np.exp(z); return e / e.sum(1, keepdims=True)

def main():
    p = argparse.ArgumentParser(); A = p.add_argument
    A('--name', required=True); A('--arch', default='face_resnet18_w32_mirrored'); A('--start'); A('--size', type=int, default=64); A('--minutes', type=float, default=25); A('--steps', type=int)
    A('--batch', type=int, default=128); A('--lr', type=float, default=1e-3); A('--wd', type=float, default=.05); A('--ema', type=float, default=.998); A('--sets', nargs='+', default=['ferplus', 'students', 'diffusionfer', 'drawn'])
    A('--parts', nargs='+', type=float, default=[.56, .24, .10, .10]); A('--mix', default=''); A('--teacher_t', type=float, default=1.); A('--mixup', type=float, default=.2); A('--cover', type=float, default=.25); A('--seed', type=int, default=0)
    A('--w', nargs='*', default=[]); A('--eval', type=int, default=800); A('--tau', type=float, default=1.); A('--plain', action='store_true'); A('--strong', type=float, default=1.); A('--warm', type=int, default=150)
    o = p.parse_args(); torch.manual_seed(o.seed); g = torch.Generator().manual_seed(o.seed)
    W = dict(votes=1., fer2013=.5, students=.3, generated=.5, drawn=.3, faceapi=1., fer=.4, affekt=.7, mix=2., va_votes=.25, va_rated=.25, va_drawn=.1, va_mix=.25); W.update({k: float(v) for k, v in (x.split('=') for x in o.w)})
    D, ws = load_data(o); off = np.cumsum([0] + [len(w) for w in ws]); T = {k: torch.from_numpy(v) for k, v in D.items()}
    prior = {}
    for h in LABEL:  # log prior of each label head under the sampling
        q = np.concatenate([o.parts[i] * ws[i] for i in range(len(ws))]); y = D[h]; m = ~np.isnan(y).any(1); pr = (q[m, None] * y[m]).sum(0) / q[m].sum() if m.any() else np.ones(y.shape[1]) / y.shape[1]
        prior[h] = torch.from_numpy(np.log(np.maximum(pr, 3e-3)).astype(np.float32)); print(h, int(m.sum()), np.exp(prior[h].numpy()).round(3))
    model = Multi(o.arch)
    if o.start: model.start(o.start)
    model = model.to(memory_format=torch.channels_last)
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(o.ema), use_buffers=True)
    ps = list(model.parameters()); opt = torch.optim.AdamW([{'params': [q for q in ps if q.ndim > 1], 'weight_decay': o.wd}, {'params': [q for q in ps if q.ndim <= 1], 'weight_decay': 0.}], lr=o.lr, fused=True)
    counts = [round(o.batch * f) for f in o.parts]; counts[0] += o.batch - sum(counts)
    rng = np.random.default_rng(o.seed)
    def stream(i):
        while True:  # an epoch-like draw without replacement: systematic sampling by weight
            e = len(ws[i]); u = (np.arange(e) + rng.random()) / e; k = np.searchsorted(np.cumsum(ws[i]), u).clip(0, e - 1); rng.shuffle(k); yield from (k + off[i])
    S = [stream(i) for i in range(len(ws))]
    begun = time.time(); step = 0; sums = {}; total = o.steps
    last = False; seen = 0
    while True:
        done = step / total if total else (time.time() - begun) / (o.minutes * 60)  # other work shares the cores: the schedule follows the clock
        if done >= 1 and last: break
        last = done >= 1
        lr = o.lr * (min(1, (step + 1) / o.warm) * .5 * (1 + math.cos(math.pi * min(1, done))) + 1e-3)
        for q in opt.param_groups: q['lr'] = lr
        k = torch.from_numpy(np.array([next(S[i]) for i in range(len(S)) for _ in range(counts[i])]))
        x = crop(T['canvas'][k], T['lm'][k], T['alt'][k], T['set'][k] == (o.sets.index('ferplus') if 'ferplus' in o.sets else 9), o.size, g, o)
        x = cover(light(x, g, o.strong), g, o.cover); x = (x - .5) / .25
        lam = float(np.random.default_rng(step + 77).beta(o.mixup, o.mixup)) if o.mixup and step % 2 else 1.; perm = torch.randperm(len(k), generator=g)
        if lam < 1: x = lam * x + (1 - lam) * x[perm]
        model.train()
        with torch.autocast('cpu', torch.bfloat16): out = model(x.to(memory_format=torch.channels_last))
        loss = 0.; n = len(k)
        for h in HEADS:
            if not W[h]: continue
            z = out[h].float(); z = z + o.tau * prior[h] if h in LABEL else z; lp = z.log_softmax(1)
            for share, idx in ((lam, k), (1 - lam, k[perm])):
                if share <= 0: continue
                y = T[h][idx]; m = ~y.isnan().any(1)
                if m.any():
                    l = -(y[m] * lp[m]).sum() / n; loss = loss + W[h] * share * l; sums[h] = sums.get(h, np.zeros(2)) + [float(l.detach()) * n * share, float(m.sum()) * share]
        if lam == 1.:
            isf, isg, isd = (T['set'][k] == (o.sets.index(q) if q in o.sets else 9) for q in ('ferplus', 'diffusionfer', 'drawn'))
            for h, m in (('va_votes', isf), ('va_rated', isg), ('va_drawn', isd)):
                if W[h] and m.sum() > 3: t = T['va'][k][m]; v = out[h].float()[m]; loss = loss + W[h] * ((v - t).square().mean() * 2 + (.5 * concordance_loss(v, t) if m.sum() > 20 else 0))
            if W['va_mix'] > 0 and o.mix: v, t = out['va_mix'].float(), T['va_mix'][k]; loss = loss + W['va_mix'] * ((v - t).square().mean() * 2 + .5 * concordance_loss(v, t))
        opt.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(ps, 5.); opt.step(); ema.update_parameters(model); step += 1
        if step % o.eval == 0 or last:
            z = {s: answers(ema.module, dev.crops(s, o.size, -.05 if s != 'ferplus' else 0.)) for s in dev.SETS}
            print(f'step {step} {time.time() - begun:.0f}s lr {lr:.5f} ' + ' '.join(f'{h} {a / b:.3f}' for h, (a, b) in sums.items()), flush=True); sums = {}
            for h in HEADS:
                if h == 'mix' and not o.mix: continue
                print(dev.line('   ' + h, {s: sm(z[s][h]) for s in dev.SETS}), flush=True)
            lab = [h for h in HEADS if h not in ('mix',)] if not o.mix else ['mix']
            print(dev.line('   mean', {s: sm(np.mean([z[s][h][:, :7] - z[s][h][:, :7].mean(1, keepdims=True) for h in lab], 0)) for s in dev.SETS}), 'ccc ' + ' '.join(f'{h} %.3f %.3f' % dev.cccs(z['diffusionfer'][h]) for h in REGRESS), flush=True)
            torch.save(ema.module.state_dict(), f'lab/m_{o.name}.pt')
    json.dump(vars(o), open(f'lab/m_{o.name}.json', 'w'))
    # batch-norm statistics of the EMA were averaged with it (use_buffers)
if __name__ == '__main__': main()
