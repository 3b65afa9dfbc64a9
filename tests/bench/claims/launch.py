# SPDX-License-Identifier: MIT
"""From the start of the command to its first step, less what a program that only initialises MPI takes."""
import json
import os
import statistics
import subprocess
import tempfile
import time

from row import row


def launch(bench, command, ranks):
    """When it was started, on the clock that the timeline uses."""
    begin = time.clock_gettime(time.CLOCK_MONOTONIC)
    done = subprocess.run(bench.tools.mpirun(ranks) + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=bench.tools.environment(1), check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr.strip()}")
    return begin, done.stdout


def to_first_step(bench, config, folder, ranks):
    timeline = os.path.join(folder, "timeline.json")
    command = [bench.tools.command(), "train", config, "--threads", "1", "--verbose", "0", "--out", os.path.join(folder, "run"),
               "--resume", "never", "--timeline", timeline]
    begin, _ = launch(bench, command, ranks)
    with open(timeline, encoding="utf-8") as file:
        return max(rank["first_step_s"] for rank in json.load(file)["otherData"]["ranks"]) - begin


def to_mpi(bench, ranks):
    begin, out = launch(bench, [bench.tools.program("bench_launch")], ranks)
    return max(float(line) for line in out.split()) - begin


def make_training(bench, net, folder):
    """A small data set for the net, and a config that takes two steps on it."""
    table, data, config = (os.path.join(folder, name) for name in ("t.csv", "t.h5", "t.yaml"))
    with open(table, "w", encoding="utf-8") as file:
        for i in range(2 * net.batch):
            file.write(",".join(["0.5"] * net.sizes[0]) + f",{i % net.sizes[-1]}\n")
    subprocess.run([bench.tools.command(), "convert", table, "-o", data, "--labels"], stdout=subprocess.DEVNULL, check=True)
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"data: {{train: {data}}}\n" + net.config() + "  steps_per_epoch: 2\ncheckpoint: {every_epochs: 0}\n")
    return config


def measure(bench, net):
    rows = []
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        config = make_training(bench, net, folder)
        for ranks in (1, 2):
            pairs = [(to_first_step(bench, config, folder, ranks), to_mpi(bench, ranks)) for _ in range(bench.repeats)]
            beyond = sorted(step - mpi for step, mpi in pairs)
            stats = {"ratio": statistics.median(beyond), "low": beyond[0], "high": beyond[-1]}
            rows.append(row("launch", net.name, stats, ours=f"{ranks} rank{'s' if ranks > 1 else ''}: "
                            f"{statistics.median(s for s, _ in pairs):.2f} s", theirs=f"MPI_Init alone "
                            f"{statistics.median(m for _, m in pairs):.2f} s"))
    return rows
