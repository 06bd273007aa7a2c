"""Writes tests/data/golden/CASE/ (or FOLDER/CASE/): a checkpoint in the published layout and what the reference model computes from it.

Usage: python3 make_golden.py [FOLDER]     (needs python3-torch and python3-numpy; takes seconds)

A case holds
  checkpoint           torch.save of the state dict, keys prefixed as torch.compile and the loss head leave them
  model.safetensors    the same tensors
  all_config.yaml      the training run's configuration, in the published nesting
  golden.safetensors   inputs [B,S] i32, puzzle_identifiers [B] i32 and, after each of M segments,
                       logits [M,B,S,V], q [M,B,2] (halt, continue), z_H and z_L [M,B,P+S,H], stored as f32, computed in
                       float64 from the float32 weights (RoPE tables rounded to float32, as the model keeps them): what is
                       off is the tested program's rounding alone; PyTorch's own float32 is 1e-5 to 1e-4 away
                       (sudoku_like keeps z_H and z_L of the last segment alone)
  published_checkpoint (rope alone) the same weights as a newer PyTorch on a GPU would leave them: an OrderedDict with _metadata,
                       storages located on cuda:0, records byteorder, .format_version, .storage_alignment and .data/serialization_id
  constants            is another case: rope's weights with another rms_norm_eps and rope_theta, all_config.yaml and golden.safetensors alone
  training.safetensors training from H_init, L_init with labels [B,S] i32 (row 0's are the model's own answer, so its halt target is 1)
                       and target_q_continue [B]: loss.PART and grad.NAME of the first step (one-step gradient: through the last L
                       and the last H application only), float32_off.NAME = relative distance of PyTorch's own float32 gradient,
                       and stepped.NAME, the parameters after five such steps from the same state: AdamATan2 (lr 1e-3, betas 0.9 0.95,
                       weight decay 0.1), puzzle embedding by sign-SGD (same lr and decay, only the rows in the batch).
                       loss = mean over the batch of  mean over positions of stablemax cross entropy
                              + (BCE(q_halt, whole answer right) + BCE(q_continue, target_q_continue)) / 2
"""
import collections, json, pathlib, struct, sys
import torch
import torch.nn.functional as F
from hrm_torch import AdamATan2, Inner, stablemax_ce

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / 'data' / 'golden'
BASE = dict(seq_len=16, puzzle_emb_ndim=32, num_puzzle_identifiers=5, vocab_size=7, H_cycles=2, L_cycles=2, H_layers=2, L_layers=2,
            hidden_size=32, expansion=4, num_heads=2, pos_encodings='rope', halt_max_steps=4, halt_exploration_prob=0.1)
CASES = {
    'rope': dict(),
    'learned': dict(pos_encodings='learned', puzzle_emb_ndim=0, num_puzzle_identifiers=1),
    'two_puzzle_tokens': dict(puzzle_emb_ndim=50, H_cycles=3, L_cycles=1, H_layers=1, L_layers=3),
    'sudoku_like': dict(seq_len=81, vocab_size=11, hidden_size=64, num_heads=2, puzzle_emb_ndim=64, num_puzzle_identifiers=1, halt_max_steps=8),
    'bfloat16_weights': dict(seq_len=20, hidden_size=64, num_heads=1, puzzle_emb_ndim=64),
}
OTHER = dict(rms_norm_eps=0.01, rope_theta=50.0)  # of case constants, which has rope's weights
SEED = 200
KIND = {torch.float32: 'F32', torch.bfloat16: 'BF16', torch.int32: 'I32'}


def save_safetensors(tensors, path):
    head, blobs, at = {}, [], 0
    for name, t in tensors.items():
        t = t.detach().contiguous(); t = t.float() if t.dtype == torch.float64 else t
        raw = (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()
        head[name] = dict(dtype=KIND[t.dtype], shape=list(t.shape), data_offsets=[at, at + len(raw)])
        blobs.append(raw); at += len(raw)
    text = json.dumps(head).encode(); text += b' ' * (-len(text) % 8)
    path.write_bytes(struct.pack('<Q', len(text)) + text + b''.join(blobs))


def yaml(c):
    arch = {k: c[k] for k in ('H_cycles', 'H_layers', 'L_cycles', 'L_layers', 'expansion', 'halt_exploration_prob', 'halt_max_steps', 'hidden_size')}
    arch.update({k: c[k] for k in OTHER if k in c})
    lines = ['arch:'] + [f'  {k}: {v}' for k, v in arch.items()]
    lines += ['  loss:', '    loss_type: stablemax_cross_entropy', '    name: losses@ACTLossHead', '  name: hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1',
              f"  num_heads: {c['num_heads']}", f"  pos_encodings: {c['pos_encodings']}", f"  puzzle_emb_ndim: {c['puzzle_emb_ndim']}",
              'beta1: 0.9', 'beta2: 0.95', 'checkpoint_path: null', 'data_path: data/example', 'eval_save_outputs: []', 'lr: 0.0001', 'seed: 0']
    return '\n'.join(lines) + '\n'


def training(c, weights, tokens, pid, answer):
    labels = torch.randint(0, c['vocab_size'], answer.shape); labels[0] = answer[0]; target = torch.rand(len(tokens)).double()

    def grads(model):
        h, l = (z.expand(len(tokens), c['seq_len'] + model.P, -1) for z in (model.H_init, model.L_init))
        _, _, logits, q = model(h, l, tokens, pid)
        right = (logits.argmax(-1) == labels).all(-1).to(q.dtype)
        parts = dict(lm=stablemax_ce(logits, labels).mean(), q_halt=F.binary_cross_entropy_with_logits(q[:, 0], right),
                     q_continue=F.binary_cross_entropy_with_logits(q[:, 1], target.to(q.dtype)))
        model.zero_grad(); (parts['lm'] + .5 * (parts['q_halt'] + parts['q_continue'])).backward()
        return parts, {k: p.grad.clone() for k, p in model.named_parameters()}
    low = Inner(c); low.load_state_dict(weights); _, low_grads = grads(low)
    model = Inner(c); model.load_state_dict(weights); model = model.double(); parts, first = grads(model)
    out = dict(labels=labels.int(), target_q_continue=target, **{f'loss.{k}': v.detach().reshape(1) for k, v in parts.items()})
    out.update({'grad.' + k: v for k, v in first.items()})
    out.update({'float32_off.' + k: ((low_grads[k] - v).norm() / v.norm().clamp_min(1e-300)).reshape(1) for k, v in first.items()})
    opt = AdamATan2([p for k, p in model.named_parameters() if not k.startswith('puzzle_emb')], 1e-3)
    for _ in range(5):
        grads(model); opt.step()
        if model.P:
            w = model.puzzle_emb.weights; used = pid.unique()
            with torch.no_grad(): w[used] = w[used] * (1 - 1e-3 * .1) - 1e-3 * w.grad[used].sign()
    out.update({'stepped.' + k: p for k, p in model.named_parameters()})
    return out


def save_as_published(state, path):
    """What a newer PyTorch writes for a module on a GPU, made with this one."""
    state = collections.OrderedDict(state); state._metadata = collections.OrderedDict([('', dict(version=1))])
    s = torch.serialization; save, locate = s._save, s.location_tag

    def more(obj, zip_file, *rest):
        save(obj, zip_file, *rest)
        for record, text in (('byteorder', b'little'), ('.format_version', b'1'), ('.storage_alignment', b'64'), ('.data/serialization_id', b'0' * 40)):
            zip_file.write_record(record, text, len(text))
    s._save, s.location_tag = more, lambda storage: 'cuda:0'
    try: torch.save(state, path)
    finally: s._save, s.location_tag = save, locate


def segments(model, c, tokens, pid):
    h, l = (z.expand(len(tokens), c['seq_len'] + model.P, -1) for z in (model.H_init, model.L_init)); steps = []
    with torch.no_grad():
        for _ in range(c['halt_max_steps']):
            h, l, logits, q = model(h, l, tokens, pid); steps.append((logits, q, h, l))
    return [torch.stack(x) for x in zip(*steps)]


def save_golden(d, tokens, pid, logits, q, zH, zL):
    save_safetensors(dict(inputs=tokens.int(), puzzle_identifiers=pid.int(), logits=logits, q=q, z_H=zH, z_L=zL), d / 'golden.safetensors')


for number, (name, change) in enumerate(CASES.items()):
    c = {**BASE, **change}; torch.manual_seed(SEED + number)
    model = Inner(c).eval()
    with torch.no_grad():
        model.q_head.weight.normal_(std=0.15); model.q_head.bias.copy_(torch.tensor([-0.6, 0.2]))
        if model.P: model.puzzle_emb.weights.normal_()
        for key, t in model.state_dict().items():
            if name == 'bfloat16_weights' or key.endswith('_init'): t.copy_(t.bfloat16().float())
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    model = model.double()
    B, S = 3, c['seq_len']
    tokens = torch.randint(0, c['vocab_size'], (B, S)); pid = torch.arange(B) % c['num_puzzle_identifiers']
    logits, q, zH, zL = segments(model, c, tokens, pid)
    if name == 'sudoku_like': zH, zL = zH[-1:], zL[-1:]
    dtype = lambda k: torch.bfloat16 if name == 'bfloat16_weights' or k.endswith('_init') else torch.float32  # published ones keep H_init, L_init in bf16
    state = {'_orig_mod.model.inner.' + k: v.to(dtype(k)) for k, v in weights.items()}
    d = OUT / name; d.mkdir(parents=True, exist_ok=True)
    torch.save(state, d / 'checkpoint'); save_safetensors(state, d / 'model.safetensors'); (d / 'all_config.yaml').write_text(yaml(c))
    save_golden(d, tokens, pid, logits, q, zH, zL)
    if name in ('rope', 'learned', 'two_puzzle_tokens'):
        save_safetensors(training(c, weights, tokens, pid, logits[0].argmax(-1)), d / 'training.safetensors')
    if name == 'rope':
        save_as_published(state, d / 'published_checkpoint')
        other = Inner({**c, **OTHER}); other.load_state_dict(weights); d = OUT / 'constants'; d.mkdir(exist_ok=True)
        save_golden(d, tokens, pid, *segments(other.double(), c, tokens, pid)); (d / 'all_config.yaml').write_text(yaml({**c, **OTHER}))
    halt = [next((m + 1 for m in range(len(q)) if q[m, b, 0] > q[m, b, 1]), len(q)) for b in range(B)]
    print(name, 'segments until q_halt > q_continue:', halt)
