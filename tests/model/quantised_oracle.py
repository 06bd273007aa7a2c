"""How far rounding carries a random model after one segment: what a plain fake-quantised PyTorch model gives, for tests/model/quantised_test.cpp.

  build/release/tests/tools/make_model FOLDER --format safetensors && /usr/bin/python3 tests/model/quantised_oracle.py FOLDER

prints the relative L2 distance of the logits from float32's with weights and activations in bfloat16, and with int8 levels per
token and per output channel; over eight puzzles, of tokens (i m + [[i / 9] m / 3]) mod 10 + 1 for m = 1, 3, 7, 9, 11, 13, 17, 19."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tools'))
import torch
from torch_segment import Segment

torch.set_grad_enabled(False)
tokens = torch.tensor([[(i * m + i // 9 * m // 3) % 10 + 1 for i in range(81)] for m in (1, 3, 7, 9, 11, 13, 17, 19)])


def logits(**options):
    model = Segment(sys.argv[1], **options)
    return model(*model.start(tokens), tokens)[2].double()


exact = logits()
for name, options in (('bfloat16', dict(dtype=torch.bfloat16)), ('int8', dict(levels=True))):
    print(f'{name}: {float((logits(**options) - exact).norm() / exact.norm()):.5f}')
