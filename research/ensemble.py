"""Lab: what the untrained mixture of the shipped affekt, face-api and fer is worth as a teacher."""
import sys; sys.path.insert(0, 'research')
import numpy as np, torch, onnxruntime as ort, pickle
import dev
from mix import report
sess = lambda p: ort.InferenceSession(p, providers=['CPUExecutionProvider'])
fa, fe, aa = sess('lab/fa.onnx'), sess('lab/fe.onnx'), sess('src/affekt/shipped/affekt/model.onnx')
def run(s, x, k=0): return np.concatenate([s.run(None, {s.get_inputs()[0].name: x[i:i + 32].astype(np.float32)})[k] for i in range(0, len(x), 32)])
z = {}
for s in dev.SETS:
    m = 0. if s == 'ferplus' else -.05
    b = dev.crops(s, 112, 0., 3); g = dev.crops(s, 64, 0.)[..., 0]; a = dev.crops(s, 48, m)
    names = [x.name for x in aa.get_outputs()]
    z[s] = dict(faceapi=(run(fa, b) + run(fa, b[:, :, ::-1])) / 2, fer=(run(fe, g) + run(fe, g[:, :, ::-1])) / 2, affekt=np.log(np.maximum(run(aa, (a.transpose(0, 3, 1, 2) / 255 - .5) / .25, names.index('probabilities')), 1e-6)))
pickle.dump(z, open('lab/ens.pkl', 'wb'))
for h in (('affekt',), ('faceapi',), ('fer',), ('affekt', 'faceapi'), ('affekt', 'fer'), ('affekt', 'faceapi', 'fer')): print(h); report(z, h)
