"""Examples x segments a second: hrm-train against the PyTorch reference, both doing the same step, turn by turn in one run.

Usage: compare.py HRM_TRAIN [--rounds 7] [--steps 12] [--threads 1] [--mode step|look-ahead] [--bf16]
HRM_TRAIN is the program, the reference tests/reference/hrm_torch.py. Shapes: batch 64, hidden 128, 4 heads, 81 + 1 positions, float32.
Each round times `steps` steps of either (hrm-train: the difference of a long and a short run, so that its start does not
count). Wall time says what a user sees; CPU time is steadier where other programs share the machine. The ratios are of medians.
"""
import argparse, os, resource, statistics, subprocess, sys, tempfile, time

p = argparse.ArgumentParser(); p.add_argument('program')
for name, default in dict(rounds=7, steps=12, threads=1).items(): p.add_argument('--' + name, type=int, default=default)
p.add_argument('--mode', default='step'); p.add_argument('--bf16', action='store_true', help='hrm-train in bfloat16 too'); p.add_argument('--alone', action='store_true', help='only hrm-train: one thread against --threads')
a = p.parse_args()
here = os.path.dirname(os.path.abspath(__file__))
env = {**os.environ, 'OMP_NUM_THREADS': str(a.threads), 'OMP_WAIT_POLICY': 'passive'}


def child(command):
    before, t = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.time() - t, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, out


def ours(folder, steps, threads, precision):
    return child([a.program, 'sudoku9', '--out', folder, '--hidden', '128', '--heads', '4', '--batch', '64', '--steps', str(steps), '--evaluate', '0',
                  '--save-every', '1000000', '--log-every', '1000000', '--next', a.mode, '--threads', str(threads), '--precision', precision, '--quiet'])[:2]


def per_step(folder, threads, precision='f32'):
    short, long = ours(folder, 2, threads, precision), ours(folder, 2 + a.steps, threads, precision)
    return [(y - x) / a.steps for x, y in zip(short, long)]


def show(name, times):
    wall, cpu = (sorted(64 / t[i] for t in times) for i in (0, 1))
    mid = statistics.median
    print(f'{name:34s} wall {mid(wall):7.1f} /s (best {wall[-1]:.1f})   per CPU second {mid(cpu):7.1f} (best {cpu[-1]:.1f})', flush=True)
    return mid(wall), mid(cpu), wall[-1], cpu[-1]


with tempfile.TemporaryDirectory() as folder:
    mine, half, theirs, alone, half_alone = [], [], [], [], []
    for _ in range(a.rounds):
        mine.append(per_step(folder, a.threads))
        if a.bf16: half.append(per_step(folder, a.threads, 'bf16'))
        if a.threads > 1: alone.append(per_step(folder, 1))
        if a.threads > 1 and a.bf16: half_alone.append(per_step(folder, 1, 'bf16'))
        if not a.alone:
            words = child([sys.executable, here + '/reference_step.py', str(a.steps), str(a.threads), '128', '4', '81', '11', '64', a.mode])[2].split()
            theirs.append([float(w) for w in words])
    print(f'{a.rounds} rounds of {a.steps} steps, {a.threads} thread(s), q_continue from {a.mode}, examples x segments')
    x = show('hrm-train', mine)
    for name, many, one in (('', x, alone), (' bf16', show('hrm-train, bf16', half) if half else None, half_alone)):
        if name and many: print(f'  bf16 against float32: wall {many[0] / x[0]:.2f}x of medians')
        if not one: continue
        z = show(f'hrm-train{name}, one thread', one)
        print(f'  {a.threads} threads against one: wall {many[0] / z[0]:.2f}x of medians, {many[2] / z[2]:.2f}x of the best')
    if theirs:
        y = show('PyTorch reference', theirs)
        print(f'  its BLAS: {statistics.median(t[2] for t in theirs):.0f} GFLOP/s in a product of 768 x 768')
        print(f'  hrm-train / PyTorch: wall {x[0] / y[0]:.2f}x, CPU {x[1] / y[1]:.2f}x of medians; {x[2] / y[2]:.2f}x, {x[3] / y[3]:.2f}x of the best')
