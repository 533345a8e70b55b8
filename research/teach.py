"""Lab: logits of the foreign networks and of the shipped affekt for all training pictures (fer and face-api: mean of picture and mirror image)."""
import sys, os; sys.path.insert(0, 'research')
import numpy as np, torch, onnxruntime as ort
from pathlib import Path
from torch.nn import functional as F
from foreign import FaceApi, Fer
torch.set_num_threads(1); torch.set_grad_enabled(False)
def session(module, example, path):
    if not os.path.exists(path): torch.onnx.export(module, (example,), path, input_names=['x'], dynamo=True, dynamic_shapes=({0: torch.export.Dim('n', min=1)},), verbose=False)
    o = ort.SessionOptions(); o.intra_op_num_threads = 1; s = ort.InferenceSession(path, o, providers=['CPUExecutionProvider']); return lambda x: torch.from_numpy(s.run(None, {'x': x.numpy()})[0])
fa = session(FaceApi().eval(), torch.zeros(2, 112, 112, 3), 'lab/fa.onnx'); fe = session(Fer().eval(), torch.zeros(2, 64, 64), 'lab/fe.onnx')
o = ort.SessionOptions(); o.intra_op_num_threads = 1; sa = ort.InferenceSession('src/affekt/shipped/affekt/model.onnx', o); names = [x.name for x in sa.get_outputs()]
def middle(canvas, side, size):
    x = torch.from_numpy(canvas).float()[:, None]; a = int(48 - side / 2); return F.interpolate(x[..., a:a + int(side), a:a + int(side)], (size, size), mode='bilinear', antialias=True, align_corners=False)
import time
for name in sys.argv[1:]:
    d = np.load(f'lab/c_{name}.npz'); c = d['canvas']; big = None if name == 'ferplus' else np.load(f'lab/big_{name}.npy', mmap_mode='r')
    out = {k: [] for k in ('faceapi', 'fer', 'affekt', 'affekt_va')}; t = time.time()
    for i in range(0, len(c), 32):
        k = c[i:i + 32]
        b = torch.from_numpy(np.array(big[i:i + 32])).float() if big is not None else middle(k, 64, 112)[:, 0, ..., None].expand(-1, -1, -1, 3).contiguous()
        y = fa(b); out['faceapi'].append((y + fa(b.flip(2).contiguous())) / 2 if big is not None else y)
        g = middle(k, 64, 64)[:, 0].contiguous(); out['fer'].append((fe(g) + fe(g.flip(2).contiguous())) / 2)
        r = dict(zip(names, sa.run(None, {sa.get_inputs()[0].name: ((middle(k, 64, 48) / 255 - .5) / .25).numpy()})))
        out['affekt'].append(torch.from_numpy(np.log(np.maximum(r['probabilities'], 1e-6)))); out['affekt_va'].append(torch.from_numpy(r['valence_arousal']))
        if i == 320: print(352 / (time.time() - t), '/s', flush=True)
    np.savez(f'lab/t_{name}.npz', **{k: torch.cat(v).numpy().astype(np.float32) for k, v in out.items()}); print(name, flush=True)
