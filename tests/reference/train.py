"""Trains a reference HRM on Sudokus or mazes (CPU, or a GPU where torch sees one) and writes it in the published layout.

  hrm-sudoku --generate 300000 --side 9 --clues 22-45 --seed 1 > train.csv
  hrm-sudoku --generate 2000 --side 9 --clues 22-45 --seed 2 > test.csv
  python3 train.py --data train.csv --test test.csv --out sudoku9 --hidden 256 --heads 4 --minutes 25 --batch 1024 --lr 3e-4

Writes OUT (torch.save of the averaged weights), OUT.json (configuration), OUT.state (to go on with --resume), OUT.log.
Differs from the published recipe: q_continue is bootstrapped from the batch's own next segment, not from an extra forward pass.
"""
import argparse, csv, json, math, os, time
import numpy as np, torch
import torch.nn.functional as F
from hrm_torch import AdamATan2, Inner, stablemax_ce

p = argparse.ArgumentParser()
for name, default in dict(data='', test='', task='sudoku', out='model', pos='rope').items(): p.add_argument('--' + name, default=default)
for name, default in dict(hidden=128, heads=4, layers=2, pemb=1, h_cycles=2, l_cycles=2, M=16, batch=64, warm=200, threads=1, seed=0).items(): p.add_argument('--' + name, type=int, default=default)
for name, default in dict(expansion=4, lr=7e-4, wd=0.1, minutes=10, total_minutes=0, explore=0.5, ema=0.999, eval_every=10).items(): p.add_argument('--' + name, type=float, default=default)
p.add_argument('--resume', action='store_true')
a = p.parse_args()
torch.manual_seed(a.seed); torch.set_num_threads(a.threads)
dev = 'cuda' if torch.cuda.is_available() else 'cpu'


def read(path):
    code = (lambda c: 0 if c == '.' else int(c)) if a.task == 'sudoku' else '# SGo'.index
    rows = [r[:2] for r in csv.reader(open(path))]
    return [torch.tensor([[code(c) for c in r[k]] for r in rows], dtype=torch.uint8, device=dev) for k in (0, 1)]


Q, A = read(a.data); TQ, TA = read(a.test)
n = math.isqrt(Q.shape[1])


def augment(q, s):
    """Random symmetric copies; tokens out (0 is padding, so everything moves up by one)."""
    B = len(q); q, s = q.view(B, n, n).long(), s.view(B, n, n).long()
    if a.task == 'sudoku':
        bh, bw = {9: (3, 3), 6: (2, 3), 4: (2, 2)}[n]
        shuffle = lambda *shape: torch.rand(*shape, device=dev).argsort(-1)
        digits = torch.cat((torch.zeros(B, 1, dtype=torch.long, device=dev), shuffle(B, n) + 1), 1)
        lines = lambda b: (shuffle(B, n // b)[:, :, None] * b + shuffle(B, n // b, b)).view(B, n)
        r, c = lines(bh), lines(bw)
        move = lambda t: digits.gather(1, t.gather(1, r[:, :, None].expand(-1, -1, n)).gather(2, c[:, None].expand(-1, n, -1)).view(B, -1)).view(B, n, n)
        q, s = move(q), move(s)
        flip = (torch.rand(B, 1, 1, device=dev) < .5) & (bh == bw)
        q, s = torch.where(flip, q.transpose(1, 2), q), torch.where(flip, s.transpose(1, 2), s)
    else:
        for dims in ((1,), (2,)):
            f = torch.rand(B, 1, 1, device=dev) < .5
            q, s = torch.where(f, q.flip(dims), q), torch.where(f, s.flip(dims), s)
        f = torch.rand(B, 1, 1, device=dev) < .5
        q, s = torch.where(f, q.transpose(1, 2), q), torch.where(f, s.transpose(1, 2), s)
    return q.reshape(B, -1) + 1, s.reshape(B, -1) + 1


cfg = dict(seq_len=n * n, puzzle_emb_ndim=a.hidden * a.pemb, num_puzzle_identifiers=1, vocab_size=n + 2 if a.task == 'sudoku' else 6, H_cycles=a.h_cycles, L_cycles=a.l_cycles,
           H_layers=a.layers, L_layers=a.layers, hidden_size=a.hidden, expansion=a.expansion, num_heads=a.heads, pos_encodings=a.pos, halt_max_steps=a.M,
           halt_exploration_prob=a.explore, rms_norm_eps=1e-5, rope_theta=10000.0)
model = Inner(cfg).to(dev); opt = AdamATan2(model.parameters(), a.lr, wd=a.wd); ema = {k: v.detach().clone() for k, v in model.state_dict().items()}
step = spent = 0
if a.resume and os.path.exists(a.out + '.state'):
    st = torch.load(a.out + '.state', map_location=dev); model.load_state_dict(st['model']); opt.load_state_dict(st['opt']); ema, step, spent = st['ema'], st['step'], st['spent']
run = torch.compile(model) if dev == 'cuda' else model
log = open(a.out + '.log', 'a')


def say(*words):
    print(*words, flush=True); print(*words, file=log, flush=True)


@torch.no_grad()
def evaluate(weights, k):
    e = Inner(cfg).to(dev).eval(); e.load_state_dict(weights)
    t, y = TQ[:k].long() + 1, TA[:k].long() + 1; B = len(t); pid = torch.zeros(B, dtype=torch.long, device=dev)
    h, l = (z.expand(B, n * n + e.P, -1).bfloat16() for z in (e.H_init, e.L_init))
    done = torch.zeros(B, dtype=torch.bool, device=dev); used = torch.zeros(B, device=dev); answer = torch.zeros_like(y); by_segment = []
    for m in range(a.M):
        h, l, logits, q = e(h, l, t, pid); guess = logits.argmax(-1)
        by_segment.append(round((guess == y).all(-1).float().mean().item(), 3))
        stop = ((q[:, 0] > q[:, 1]) | (m == a.M - 1)) & ~done
        answer[stop], used[stop] = guess[stop], m + 1.; done |= stop
    return dict(exact_halting=round((answer == y).all(-1).float().mean().item(), 4), segments=round(used.mean().item(), 2), cells=round((guess == y).float().mean().item(), 4), exact_by_segment=by_segment)


def save():
    torch.save(dict(model=model.state_dict(), opt=opt.state_dict(), ema=ema, step=step, spent=spent), a.out + '.state')
    torch.save({'_orig_mod.model.inner.' + k: v.cpu() for k, v in ema.items()}, a.out); json.dump(cfg, open(a.out + '.json', 'w'), indent=1)


B, L = a.batch, n * n + model.P
zH = torch.zeros(B, L, a.hidden, device=dev, dtype=torch.bfloat16); zL = torch.zeros_like(zH)
long0 = lambda *s: torch.zeros(*s, dtype=torch.long, device=dev)
tok, lab, pid, seg, least = long0(B, n * n), long0(B, n * n), long0(B), long0(B), long0(B)
halted = torch.ones(B, dtype=torch.bool, device=dev); before = None
total = 60 * (a.total_minutes or a.minutes); base, t0 = spent, time.time(); last = last_eval = t0; stats = []
say('parameters', sum(w.numel() for w in model.parameters()), cfg)
while time.time() - t0 < 60 * a.minutes:
    pick = torch.randint(len(Q), (B,), device=dev); x, y = augment(Q[pick], A[pick])
    new = halted[:, None]
    tok, lab = torch.where(new, x, tok), torch.where(new, y, lab)
    zH, zL = torch.where(new[..., None], model.H_init.to(zH.dtype), zH), torch.where(new[..., None], model.L_init.to(zL.dtype), zL)
    seg = torch.where(halted, 0, seg)
    least = torch.where(halted, (torch.rand(B, device=dev) < a.explore) * torch.randint(2, a.M + 1, (B,), device=dev), least)
    zH, zL, logits, q = run(zH, zL, tok, pid)
    seg = seg + 1; right = (logits.argmax(-1) == lab).all(-1)
    loss = stablemax_ce(logits, lab).mean(-1).sum() + .5 * F.binary_cross_entropy_with_logits(q[:, 0], right.float(), reduction='sum')
    if before is not None:  # the value of going on, for the rows that did
        target = torch.sigmoid(torch.where(seg >= a.M, q[:, 0], q.max(-1).values)).detach()
        loss = loss + .5 * (F.binary_cross_entropy_with_logits(model.q_head(before)[:, 1], target, reduction='none') * ~halted).sum()
    (loss / B).backward()
    step += 1; spent = base + time.time() - t0
    for g in opt.param_groups: g['lr'] = a.lr * min(1, step / a.warm) * (.1 + .45 * (1 + math.cos(math.pi * min(1, spent / total))))
    opt.step(); opt.zero_grad()
    with torch.no_grad():
        keep = min(a.ema, (1 + step) / (10 + step))
        for k, v in model.state_dict().items(): ema[k].lerp_(v, 1 - keep)
        zH, zL = zH.detach(), zL.detach(); before = zH[:, 0].float()
        halted = (seg >= a.M) | ((q[:, 0] > q[:, 1]) & (seg >= least))
        if step % 10 == 0: stats.append((loss.item() / B, (logits.argmax(-1) == lab).float().mean().item(), right.float().mean().item(), seg[halted].float().mean().item() if halted.any() else math.nan))
    if stats and time.time() - last > 60:
        s = np.nanmean(np.array(stats), 0); stats, last = [], time.time()
        say(f'step {step} {spent:.0f} s, {step * B / spent:.0f} examples x segments/s, loss {s[0]:.4f} cells {s[1]:.4f} exact {s[2]:.4f} halts after {s[3]:.2f}')
        if time.time() - last_eval > 60 * a.eval_every: last_eval = time.time(); say('   averaged weights', evaluate(ema, 256)); save()
save(); say('final, averaged weights', evaluate(ema, 2000))
