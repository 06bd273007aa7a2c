"""One segment of the 27M model beside PyTorch and ONNX Runtime, turn by turn in one run; batch 1.

  peers.py HRM_BENCH MAKE_MODEL [--ort NODE_MODULES/onnxruntime-node] [--tokens 81] [--threads 1] [--rounds 5]

HRM_BENCH and MAKE_MODEL are build/release/bench/hrm-bench and build/release/tests/tools/make_model. Needs Debian's python3-torch
and, for --ort, python3-onnx and node with onnxruntime-node 1.20.1 (npm install --ignore-scripts onnxruntime-node@1.20.1, in a
folder outside this tree). Every peer has `threads` threads, and waits without spinning. ONNX Runtime's int8 is dynamic: weights
per output channel, activations per tensor as they come, by DynamicQuantizeLinear and MatMulInteger."""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

p = argparse.ArgumentParser(); p.add_argument('bench'); p.add_argument('make_model'); p.add_argument('--ort')
for name, default in dict(tokens=81, threads=1, rounds=5, repeats=7).items(): p.add_argument('--' + name, type=int, default=default)
a = p.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
# PyTorch's threads would spin; an OpenBLAS for another processor would be no peer.
if os.environ.get('OMP_WAIT_POLICY') != 'passive':
    env = {**os.environ, 'OMP_WAIT_POLICY': 'passive', 'OMP_NUM_THREADS': str(a.threads)}
    os.execve(sys.executable, [sys.executable] + sys.argv, env)
sys.path.insert(0, os.path.join(here, '../../tests/tools'))
import numpy, torch
from torch_segment import Segment

torch.set_grad_enabled(False); torch.set_num_threads(a.threads)
case = 'sudoku27M' if a.tokens == 81 else 'maze27M'


def ours(precision):
    out = subprocess.run([a.bench, f'--benchmark_filter=segment/{case}/{precision}/batch:1/threads:{a.threads}/', '--benchmark_format=json',
                          '--benchmark_min_time=0.4'], check=True, capture_output=True, text=True).stdout
    return json.loads(out)['benchmarks'][0]['median_ms']


def pytorch(model):
    state = model.start(tokens)
    model(*state, tokens)
    times = []
    for _ in range(a.repeats):
        begin = time.perf_counter(); model(*state, tokens); times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def onnxruntime(path):
    return float(subprocess.run(['node', here + '/onnx_segment.js', os.path.abspath(a.ort), path, str(a.threads), str(a.repeats)],
                                check=True, capture_output=True, text=True).stdout)


def export(model, path):
    """The plain export, initialisers shared by all cycles made one again."""
    import onnx
    torch.onnx.export(model, (*model.start(tokens), tokens), path, input_names=['zH', 'zL', 'tokens'], output_names=['H', 'L', 'logits'],
                      opset_version=14, do_constant_folding=False)
    graph = onnx.load(path)
    alias = {n.output[0]: n.input[0] for n in graph.graph.node if n.op_type == 'Identity'}
    for node in graph.graph.node:
        for i, name in enumerate(node.input):
            while name in alias: name = alias[name]
            node.input[i] = name
    kept = [n for n in graph.graph.node if n.op_type != 'Identity']
    del graph.graph.node[:]; graph.graph.node.extend(kept)
    turn_once(graph)
    onnx.save(graph, path)
    json.dump(dict(shape=list(model.start(tokens)[0].shape), tokens=tokens[0].tolist()), open(path + '.json', 'w'))
    numpy.concatenate([s.numpy().ravel() for s in model.start(tokens)]).tofile(path + '.input')
    return graph


def turn_once(graph):
    """Transpose(weight) becomes a weight."""
    from onnx import numpy_helper
    weights = {t.name: t for t in graph.graph.initializer}
    turned = {}
    for node in list(graph.graph.node):
        if node.op_type != 'Transpose' or node.input[0] not in weights: continue
        name = node.input[0] + '_turned'
        if name not in turned:
            turned[name] = numpy_helper.from_array(numpy.ascontiguousarray(numpy_helper.to_array(weights[node.input[0]]).T), name)
        for other in graph.graph.node:
            for i, x in enumerate(other.input):
                if x == node.output[0]: other.input[i] = name
        graph.graph.node.remove(node)
    graph.graph.initializer.extend(turned.values())
    used = {x for n in graph.graph.node for x in n.input}
    left = [t for t in graph.graph.initializer if t.name in used]
    del graph.graph.initializer[:]; graph.graph.initializer.extend(left)


def quantise(graph, path):
    from onnx import helper, numpy_helper, save
    weights = {t.name: t for t in graph.graph.initializer}
    nodes, made, seen = [], {}, {}
    for node in graph.graph.node:
        w = node.input[1] if node.op_type == 'MatMul' else None
        if w not in weights or '_proj' not in w: nodes.append(node); continue
        if w not in made:
            full = numpy_helper.to_array(weights[w])
            scale = numpy.abs(full).max(0) / 127
            made[w] = [numpy_helper.from_array(numpy.round(full / scale).astype(numpy.int8), w + '_q'),
                       numpy_helper.from_array(scale.astype(numpy.float32), w + '_s')]
        x, y = node.input[0], node.output[0]
        if x not in seen:
            seen[x] = x + '_q'
            nodes.append(helper.make_node('DynamicQuantizeLinear', [x], [x + '_q', x + '_s', x + '_z']))
        nodes += [helper.make_node('MatMulInteger', [x + '_q', w + '_q', x + '_z'], [y + '_i']), helper.make_node('Cast', [y + '_i'], [y + '_f'], to=1),
                  helper.make_node('Mul', [x + '_s', w + '_s'], [y + '_c']), helper.make_node('Mul', [y + '_f', y + '_c'], [y])]
    del graph.graph.node[:]; graph.graph.node.extend(nodes)
    left = [t for t in graph.graph.initializer if t.name not in made] + [t for pair in made.values() for t in pair]
    del graph.graph.initializer[:]; graph.graph.initializer.extend(left)
    save(graph, path)


with tempfile.TemporaryDirectory() as folder:
    vocab = '11' if a.tokens == 81 else '6'
    subprocess.run([a.make_model, folder, '--format', 'safetensors', '--seq_len', str(a.tokens), '--vocab', vocab], check=True, stdout=subprocess.DEVNULL)
    tokens = torch.tensor([[i * 7 % (int(vocab) - 1) + 1 for i in range(a.tokens)]])
    exact = Segment(folder)
    runs = {'hrm f32': lambda: ours('f32'), 'hrm bf16': lambda: ours('bf16'), 'hrm int8': lambda: ours('int8'),
            'PyTorch float32': lambda: pytorch(exact)}
    half = Segment(folder, dtype=torch.bfloat16)
    runs['PyTorch bfloat16'] = lambda: pytorch(half)
    if a.ort:
        graph = export(exact, folder + '/f32.onnx')
        runs['ONNX Runtime float32'] = lambda: onnxruntime(folder + '/f32.onnx')
        quantise(graph, folder + '/int8.onnx')
        for end in ('.json', '.input'): os.link(folder + '/f32.onnx' + end, folder + '/int8.onnx' + end)
        runs['ONNX Runtime int8'] = lambda: onnxruntime(folder + '/int8.onnx')
    times = {name: [] for name in runs}
    for _ in range(a.rounds):
        for name, run in runs.items(): times[name].append(run())
    print(f'{a.tokens} tokens, {a.threads} thread(s), {a.rounds} rounds, ms: median of rounds (least, most); PyTorch {torch.__version__}')
    mid = {name: statistics.median(t) for name, t in times.items()}
    for name, t in times.items(): print(f'  {name:22s} {mid[name]:9.2f} ({min(t):.2f}, {max(t):.2f})')
    for mine, peer in (('f32', 'PyTorch float32'), ('bf16', 'PyTorch bfloat16'), ('f32', 'ONNX Runtime float32'), ('int8', 'ONNX Runtime int8')):
        if peer in mid: print(f'  {peer} / hrm {mine}: {mid[peer] / mid["hrm " + mine]:.2f}')
