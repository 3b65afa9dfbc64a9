#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What must hold when a run is refused, stopped or goes wrong. Usage: faults.py MPIRUN LOCKSTEP ADD_WEIGHTS

Signals before the first step and after the last one, another config in the same folder, a loss that is NaN.
"""
import os
import random
import signal
import subprocess
import time

from cases import npy
from runs import INTERRUPTED, TIMEOUT_S, Failure, Layout, checkpoints, children, compare, main, send

CONFIG = """# SPDX-License-Identifier: MIT
data: {train: %(data)s, validation: %(data)s, test: %(data)s}
model:
  layers:
    - Input: {shape: [6]}
    - Dense: {units: 8, activation: relu}
    - Dense: {units: 1}
compile: {optimizer: "SGD(0.05)", loss: mse}
fit: {epochs: 5, batch_size: 16, validation_freq: 2, verbose: 0}
callbacks:
  - EarlyStopping: {monitor: loss, patience: 2}
  - CSVLogger: {filename: logs/run.csv}
  - TerminateOnNaN: {}
checkpoint: {every_steps: 3}
"""


class Data:
    def write_arrays(self, folder):
        rng = random.Random(folder)
        npy(folder + "/x.npy", "f", [500, 6], [rng.gauss(0, 1) for _ in range(3000)])
        npy(folder + "/y.npy", "f", [500, 1], [rng.gauss(0, 1) for _ in range(500)])
        return []


def files(out):
    found = {}
    for folder, _, names in os.walk(out):
        for name in names:
            with open(folder + "/" + name, "rb") as f:
                found[folder + "/" + name] = f.read()
    return found


def check(condition, message):
    if not condition:
        raise Failure(message)


def refused(tools, config, out, settings, words):
    """Another config in the folder of a run: named, and nothing changes."""
    before = files(out)
    arguments = tools.train_arguments(config, out, Layout(2, 1), settings)
    done = subprocess.run(tools.command(arguments, 2), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    check(done.returncode == 2, "%s: exit code %d, expected 2" % (settings, done.returncode))
    check(words in done.stderr, "%s: '%s' is not in\n%s" % (settings, words, done.stderr))
    check(files(out) == before, "%s: the refused run changed its folder" % settings)


def catches(pid):
    """Has the process a handler for SIGUSR1?"""
    with open("/proc/%d/status" % pid) as f:
        caught = [line for line in f if line.startswith("SigCgt")][0]
    return int(caught.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1


def signalled(tools, config, out, layout, number, ready):
    """Signal one rank as soon as ready(its pid); returns the exit code."""
    process = subprocess.Popen(tools.command(tools.train_arguments(config, out, layout), layout.ranks),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while process.poll() is None and time.monotonic() < deadline:
            ranks = children(process.pid, tools.lockstep)
            try:
                if len(ranks) == layout.ranks and ready(ranks[-1]):
                    send(ranks[-1:], number)
                    break
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
        return process.wait(TIMEOUT_S)
    finally:
        if process.poll() is None:
            send(children(process.pid, tools.lockstep) + [process.pid], signal.SIGKILL)
            process.wait()


def signals(tools, config, folder, rng, expected):
    number = rng.choice([signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
    layout, out = Layout(rng.choice([1, 2, 3]), 1), folder + "/early"
    code = signalled(tools, config, out, layout, number, catches)
    check(code == INTERRUPTED, "%s before the first step: exit code %d" % (number.name, code))
    late = signalled(tools, config, out, layout, number, lambda _: os.path.exists(out + "/model.h5"))
    check(late in (0, INTERRUPTED), "%s after the last step: exit code %d" % (number.name, late))
    compare(tools.train(config, out, Layout(2, 1)), expected, "%s at the start and at the end" % number.name)
    return "%s %s early %d late %d" % (layout, number.name, code, late)


def not_a_number(tools, config, folder):
    """The epoch that a batch callback ended is concluded after a resume; EarlyStopping ends a run of NaNs."""
    diverge, out = ["compile.optimizer=SGD(1e6)"], folder + "/nan"
    inside = diverge + ["checkpoint.every_steps=1", "checkpoint.every_epochs=0"]
    expected = tools.train(config, out, Layout(2, 1), inside)
    check(expected["history.csv"].count("\n") == 2, "TerminateOnNaN: history\n" + expected["history.csv"])
    check(int(checkpoints(out)[-1][5:-3]) < 31, "TerminateOnNaN did not end the epoch early")
    os.remove(out + "/history.csv")
    compare(tools.train(config, out, Layout(3, 1), inside), expected, "killed after TerminateOnNaN")
    patient = diverge + ["callbacks=[EarlyStopping: {monitor: loss, patience: 2}]", "fit.on_nonfinite=ignore"]
    history = tools.train(config, folder + "/patient", Layout(1, 1), patient)["history.csv"]
    check(history.count("\n") == 4, "EarlyStopping does not end a run of NaNs:\n" + history)


def one_case(tools, seed, folder):
    rng = random.Random("faults %d" % seed)
    config, out = folder + "/config.yaml", folder + "/run"
    tools.make_data(Data(), folder)
    with open(config, "w") as f:
        f.write(CONFIG % {"data": folder + "/data.h5"})
    expected = tools.train(config, out, Layout(1, 1))
    with open(out + "/logs/run.csv") as f:
        check(f.readline().strip() == "epoch,loss,val_loss", "CSVLogger lost a column")
    refused(tools, config, out, ["model.layers[1].units=9"], "(layer 'dense'): \"units\": 8; this run has \"units\": 9")
    refused(tools, config, out, ["fit.seed=7"], "seed: 0; this run has 7")
    refused(tools, config, out, ["callbacks=[]"], "with callback EarlyStopping")
    story = signals(tools, config, folder, rng, expected)
    not_a_number(tools, config, folder)
    return story


main(one_case, default_cases=3)
