import sys; sys.path.insert(0, 'research')
import json, torch, numpy as np, pickle
import dev
from fold import *
from train import Multi, answers
ALL = ('votes', 'fer2013', 'students', 'generated', 'drawn', 'faceapi', 'fer', 'affekt')
def load(name):
    o = json.load(open(f'lab/m_{name}.json')); m = Multi(o['arch']); m.load_state_dict(torch.load(f'lab/m_{name}.pt', weights_only=True)); return o, m.to(memory_format=torch.channels_last)
def logits(m, o, mg): return {s: answers(m, dev.crops(s, o['size'], mg if s != 'ferplus' else 0.)) for s in dev.SETS}
if __name__ == '__main__':
    name = sys.argv[1]; mgs = [float(x) for x in sys.argv[2:]] or [-.05]; o, m = load(name)
    for mg in mgs:
        z = logits(m, o, mg); print('margin', mg, 'ccc ' + ' '.join(f'{h} %.3f %.3f' % dev.cccs(z['diffusionfer'][h]) for h in ('va_votes', 'va_rated', 'va_drawn', 'va_mix')))
        report(z, ALL); report(z, ALL, free=True)
        for b in (.25, .5, .75): report(z, ALL, beta=b)
        report(z, ALL, fer_weight=3.); report(z, ('votes', 'fer2013', 'affekt', 'generated'), fer_weight=3.); report(z, ('votes',)); report(z, ('affekt',))
