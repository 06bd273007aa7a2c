#!/usr/bin/env python3
"""What loading a model costs, in each format, beside torch.load: measure.py BUILD_FOLDER [--runs N] [--work FOLDER]

Makes the model (random weights in the shape of the published Sudoku checkpoint, 27.3 million numbers), then loads it
turn by turn, every time in a process of its own, with the page cache warm and as cold as posix_fadvise makes it, and
prints the medians as a table. Without PyTorch its row is left out."""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile

TORCH = """
import os, sys, time
path, cold = sys.argv[1], sys.argv[2] == "cold"
begin = time.perf_counter()
import torch
imported = time.perf_counter()
torch.set_num_threads(1)
if cold:
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
begin_load = time.perf_counter()
torch.load(path, map_location="cpu")
print(1e3 * (imported - begin), 1e3 * (time.perf_counter() - begin_load))
"""


def numbers(command):
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("build", help="a build of the preset release, with benchmarks and tests")
    arguments.add_argument("--runs", type=int, default=12)
    arguments.add_argument("--cold-runs", type=int, default=6)
    arguments.add_argument("--work", help="where the models are put (otherwise a temporary folder)")
    arguments.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    asked = arguments.parse_args()
    program = os.path.join(asked.build, "bench/load-once")
    convert = os.path.join(asked.build, "examples/hrm-convert")
    temporary = None if asked.work else tempfile.TemporaryDirectory()
    work = asked.work or temporary.name

    def make(path, *command):
        if not os.path.exists(path):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path

    maker = os.path.join(asked.build, "tests/tools/make_model")
    torch = make(work + "/torch/checkpoint", maker, work + "/torch")
    safetensors = make(work + "/safetensors/model.safetensors", maker, work + "/safetensors", "--format", "safetensors")
    plain = make(work + "/plain.hrm", convert, torch, work + "/plain.hrm")
    panels = make(work + "/panels.hrm", convert, torch, work + "/panels.hrm", "--panels")
    rows = [("published checkpoint (torch zip), mapped", [torch]), ("safetensors, mapped", [safetensors]),
            ("archive, mapped", [plain]), ("archive, read", [plain, "--copy"]),
            ("archive with stored panels, mapped", [panels]), ("archive with stored panels, read", [panels, "--copy"])]
    has_torch = subprocess.run([asked.python, "-c", "import torch"], capture_output=True).returncode == 0

    for cold, runs in (("warm", asked.runs), ("cold", asked.cold_runs)):
        taken = {name: [] for name, _ in rows}
        of_torch = []
        for turn in range(runs + 1):  # the first turn is a rehearsal
            # Each time another one first: what a load leaves behind (pages to be zeroed anew) is the next one's to pay.
            for name, words in rows[turn % len(rows):] + rows[:turn % len(rows)]:
                times = numbers([program] + words + (["--cold"] if cold == "cold" else []))
                taken[name] += [times] if turn > 0 else []
            if has_torch:
                times = numbers([asked.python, "-c", TORCH, torch, cold])
                of_torch += [times] if turn > 0 else []
        print(f"\n| page cache {cold}, median of {runs} (least to most), ms | open | loaded | first segment beyond the third |")
        print("|---|---|---|---|")

        def show(values):
            return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"

        for name, _ in rows:
            opened, ready, first, third = zip(*taken[name])
            beyond = statistics.median(a - b for a, b in zip(first, third))
            print(f"| {name} | {statistics.median(opened):.2f} | {show(ready)} | {beyond:.1f} |")
        if has_torch:
            imported, loaded = zip(*of_torch)
            print(f"| torch.load, after {statistics.median(imported):.0f} ms of import torch | | {show(loaded)} | |")


if __name__ == "__main__":
    main()
