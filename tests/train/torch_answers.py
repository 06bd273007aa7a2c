"""Answers of a published-layout model in PyTorch, for torch_test.cpp: a plain functional forward pass, float32, halting when q_halt > q_continue.

Usage: torch_answers.py FOLDER [SEGMENTS] < token lines      prints `segments q_halt q_continue token token ..` a line
FOLDER holds model.safetensors and all_config.yaml. Ends with 77 where PyTorch is missing.
"""
import json, math, struct, sys
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit(77)
torch.set_num_threads(1)
folder = sys.argv[1]
blob = open(folder + '/model.safetensors', 'rb').read(); size = struct.unpack('<Q', blob[:8])[0]; w = {}
for key, t in json.loads(blob[8:8 + size]).items():
    if key == '__metadata__': continue
    kind = {'F32': torch.float32, 'BF16': torch.bfloat16, 'F16': torch.float16}[t['dtype']]; a, b = t['data_offsets']
    w[key.split('inner.')[-1]] = torch.frombuffer(bytearray(blob[8 + size + a:8 + size + b]), dtype=kind).reshape(t['shape']).float()
words = (line.split(':') for line in open(folder + '/all_config.yaml') if ':' in line)
c = {k.strip(): v.strip() for k, v in words}
heads, hidden, limit = int(c['num_heads']), int(c['hidden_size']), int(sys.argv[2] if len(sys.argv) > 2 else c['halt_max_steps'])
tokens = torch.tensor([[int(t) for t in line.split()] for line in sys.stdin])
B, width = len(tokens), int(c['puzzle_emb_ndim']); P = -(-width // hidden); S = tokens.shape[1] + P


def rms(x):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


x = w['embed_tokens.embedding_weight'][tokens]
if P: x = torch.cat((F.pad(w['puzzle_emb.weights'][:1], (0, P * hidden - width)).view(1, P, hidden).expand(B, -1, -1), x), 1)
if c['pos_encodings'] == 'learned': x = 0.707106781 * (x + w['embed_pos.embedding_weight'][:S])
x = math.sqrt(hidden) * x
half = hidden // heads // 2
angle = torch.outer(torch.arange(S).float(), 10000.0 ** (-torch.arange(half).float() / half))


def turn(t):
    if c['pos_encodings'] == 'learned': return t
    a, b = t[..., :half], t[..., half:]
    return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), -1)


def block(z, name):
    q, k, v = (z @ w[name + 'self_attn.qkv_proj.weight'].T).view(B, S, 3, heads, -1).permute(2, 0, 3, 1, 4)
    a = torch.softmax(turn(q) @ turn(k).transpose(-1, -2) / math.sqrt(2 * half), -1) @ v
    z = rms(z + a.transpose(1, 2).reshape(B, S, hidden) @ w[name + 'self_attn.o_proj.weight'].T)
    gate, up = (z @ w[name + 'mlp.gate_up_proj.weight'].T).chunk(2, -1)
    return rms(z + (F.silu(gate) * up) @ w[name + 'mlp.down_proj.weight'].T)


def level(name, z, inject):
    z = z + inject
    for i in range(int(c[name + '_layers'])): z = block(z, f'{name}_level.layers.{i}.')
    return z


zH, zL = (w[n].expand(B, S, hidden) for n in ('H_init', 'L_init')); answers = [None] * B
with torch.no_grad():
    for segment in range(1, limit + 1):
        for _ in range(int(c['H_cycles'])):
            for _ in range(int(c['L_cycles'])): zL = level('L', zL, zH + x)
            zH = level('H', zH, zL)
        guess = (zH[:, P:] @ w['lm_head.weight'].T).argmax(-1); q = zH[:, 0] @ w['q_head.weight'].T + w['q_head.bias']
        for i in range(B):
            if answers[i] is None and (q[i, 0] > q[i, 1] or segment == limit): answers[i] = [segment, *q[i].tolist(), *guess[i].tolist()]
for a in answers: print(*a)
