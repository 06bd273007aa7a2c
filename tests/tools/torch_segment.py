"""One segment of a published-layout HRM in plain PyTorch, for what measures ours against it. Reads FOLDER/model.safetensors and
FOLDER/all_config.yaml, as tests/tools/make_model writes them (--format safetensors); needs torch alone."""
import json, math, re, struct
import torch
import torch.nn.functional as F
from torch import nn

TYPES = {'F32': torch.float32, 'BF16': torch.bfloat16}


def read_safetensors(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name == '__metadata__': continue
        begin, end = t['data_offsets']
        out[name] = torch.frombuffer(bytearray(data[8 + size + begin:8 + size + end]), dtype=TYPES[t['dtype']]).view(t['shape']).float()
    return out


def rms(x):
    f = x.float()
    return (f * torch.rsqrt(f.square().mean(-1, keepdim=True) + 1e-5)).to(x.dtype)


def per_row(x):
    """Rounded to 255 levels by the largest of each row."""
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-30) / 127
    return (x / scale).round() * scale


class Segment(nn.Module):
    """forward(zH, zL, tokens) -> zH, zL, logits of [batch, positions, ..]. `dtype`: of weights and activations; `levels`: every
    product's operands rounded to int8 levels, per token and per output channel, multiplied in float32."""

    def __init__(self, folder, dtype=torch.float32, levels=False):
        super().__init__()
        text = open(folder + '/all_config.yaml').read()
        number = lambda key: int(re.search(rf'\b{key}: (\d+)', text)[1])
        self.heads, self.h_cycles, self.l_cycles = number('num_heads'), number('H_cycles'), number('L_cycles')
        self.layers = {'H': number('H_layers'), 'L': number('L_layers')}
        self.dtype, self.levels = dtype, levels
        for name, t in read_safetensors(folder + '/model.safetensors').items():
            if levels and '_proj' in name: t = per_row(t)
            self.register_parameter(name.replace('.', '_'), nn.Parameter(t.to(dtype), requires_grad=False))
        self.hidden = self.H_init.shape[0]

    def linear(self, x, name):
        return F.linear(per_row(x) if self.levels else x, getattr(self, name + '_weight'))

    def block(self, z, name, cos, sin):
        B, S, H = z.shape
        d = H // self.heads
        q, k, v = self.linear(z, name + 'self_attn_qkv_proj').view(B, S, 3, self.heads, d).permute(2, 0, 3, 1, 4)
        turn = lambda t: t * cos + torch.cat((-t[..., d // 2:], t[..., :d // 2]), -1) * sin
        q, k = turn(q), turn(k)
        a = torch.softmax((q * d ** -0.5) @ k.transpose(-1, -2), -1) @ v
        z = rms(z + self.linear(a.transpose(1, 2).reshape(B, S, H), name + 'self_attn_o_proj'))
        gate, up = self.linear(z, name + 'mlp_gate_up_proj').chunk(2, -1)
        return rms(z + self.linear(F.silu(gate) * up, name + 'mlp_down_proj'))

    def level(self, which, z, cos, sin):
        for i in range(self.layers[which]): z = self.block(z, f'{which}_level_layers_{i}_', cos, sin)
        return z

    def start(self, tokens):
        shape = (tokens.shape[0], tokens.shape[1] + 1, self.hidden)
        return self.H_init.expand(shape).contiguous(), self.L_init.expand(shape).contiguous()

    def forward(self, zH, zL, tokens):
        e = F.embedding(tokens, self.embed_tokens_embedding_weight)
        x = math.sqrt(self.hidden) * torch.cat((self.puzzle_emb_weights[:1].expand(tokens.shape[0], 1, self.hidden), e), 1)
        d = self.hidden // self.heads
        angle = torch.outer(torch.arange(zH.shape[1]).float(), 10000.0 ** (-torch.arange(0, d, 2).float() / d))
        angle = torch.cat((angle, angle), -1)
        cos, sin = angle.cos().to(zH.dtype), angle.sin().to(zH.dtype)
        for _ in range(self.h_cycles):
            for _ in range(self.l_cycles): zL = self.level('L', zL + zH + x, cos, sin)
            zH = self.level('H', zH + zL, cos, sin)
        return zH, zL, F.linear(zH[:, 1:], self.lm_head_weight).float()
