"""One training step of the PyTorch reference, timed; a helper of compare.py.

Usage: reference_step.py STEPS THREADS HIDDEN HEADS TOKENS VOCAB BATCH MODE
MODE look-ahead runs the extra forward pass for q_continue's target, step does not. Prints wall and CPU seconds a step, and the GFLOP/s of a product of 768 x 768.
"""
import pathlib, resource, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tests' / 'reference'))
import torch
import torch.nn.functional as F
from hrm_torch import AdamATan2, Inner, stablemax_ce

steps, threads, hidden, heads, S, vocab, B = map(int, sys.argv[1:8]); mode = sys.argv[8]
torch.set_num_threads(threads); torch.manual_seed(0)
cfg = dict(seq_len=S, puzzle_emb_ndim=hidden, num_puzzle_identifiers=1, vocab_size=vocab, H_cycles=2, L_cycles=2, H_layers=2, L_layers=2,
           hidden_size=hidden, expansion=4, num_heads=heads, pos_encodings='rope')
model = Inner(cfg); opt = AdamATan2(model.parameters(), 1e-3); ema = {k: v.detach().clone() for k, v in model.state_dict().items()}
tok = torch.randint(1, vocab, (B, S)); lab = torch.randint(1, vocab, (B, S)); pid = torch.zeros(B, dtype=torch.long)
z = [w.expand(B, S + 1, -1).clone() for w in (model.H_init, model.L_init)]


def step():
    h, l, logits, q = model(*z, tok, pid)
    right = (logits.argmax(-1) == lab).all(-1).float()
    loss = stablemax_ce(logits, lab).mean(-1).sum() + .5 * F.binary_cross_entropy_with_logits(q[:, 0], right, reduction='sum')
    if mode == 'look-ahead':
        with torch.no_grad(): _, _, _, after = model(h.detach(), l.detach(), tok, pid)
        loss = loss + .5 * F.binary_cross_entropy_with_logits(q[:, 1], torch.sigmoid(after.max(-1).values), reduction='sum')
    (loss / B).backward(); opt.step(); opt.zero_grad()
    with torch.no_grad():
        for k, v in model.state_dict().items(): ema[k].lerp_(v, 1e-3)
    z[0], z[1] = h.detach(), l.detach()


x = torch.randn(768, 768); x @ x; t = time.time(); [x @ x for _ in range(5)]
blas = 5 * 2 * 768 ** 3 / (time.time() - t) * 1e-9  # tells a real BLAS from Debian's plain libblas3, which is 20 times slower
step()
cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
c, t = cpu(), time.time()
for _ in range(steps): step()
print((time.time() - t) / steps, (cpu() - c) / steps, blas)
