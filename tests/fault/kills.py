#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL for a rank, or for mpirun, at random points of the two example configs, shortened, with one or several writers and the
optimizer sharded or not, anew at each start. Nothing may be lost: no checkpoint of before the kill, and no bit of the result.
LS_FAULT_CASES kill points (default 12)."""
import os
import random
import signal
import subprocess
import sys
import time

from harness import (HERE, Run, check, first_seed, main, n_cases, newest_iteration, plain, result, row, train, whole)

CONFIGS = {"fashion_mnist": ["fit.epochs=5", "checkpoint.every_steps=5"],
           "fashion_mnist_deep": ["fit.epochs=12", "checkpoint.every_steps=3"]}


def draw_ways(rng):
    """Settings that may change from start to start, as none of them is part of the result."""
    return ["checkpoint.writers=%d" % rng.choice([1, 2, 3, 4]), "parallel.shard_optimizer=" + rng.choice(["true", "false"]),
            "checkpoint.background=" + rng.choice(["true", "true", "false"]), "checkpoint.verify=" + rng.choice(["true", "false"])]


def make_images(folder):
    subprocess.run([sys.executable, HERE + "/../examples/make_images.py", folder], check=True)
    for part in ("train", "test"):
        plain(["convert", "%s/%s-images-idx3-ubyte" % (folder, part), "%s/%s-labels-idx1-ubyte" % (folder, part),
               "--scale", "1/255", "--out", "%s/%s.h5" % (folder, part)])


def kill_once(arguments, out, span_s, rng):
    """One start, killed at a random moment; False when it ended before."""
    run = Run(arguments, rng.choice([1, 2, 3, 4]))
    moment = time.monotonic() + rng.uniform(0, span_s)
    if not run.wait_for("the moment", lambda: time.monotonic() >= moment):
        outcome = run.end()
        check(outcome.code == 0, "exit code %d without a kill\n%s" % (outcome.code, outcome.stderr))
        return None
    ranks, before = run.ranks(), newest_iteration(out)
    victim = rng.choice(ranks) if ranks and rng.random() < 0.8 else run.process.pid
    run.hit(victim, signal.SIGKILL)
    outcome = run.end()
    check(newest_iteration(out) >= before, "a checkpoint was lost")
    return outcome


def one_config(name, folder, n, rng):
    config, out = "%s/../../configs/%s.yaml" % (HERE, name), folder + "/" + name
    settings = ["data.train=%s/train.h5" % folder, "data.test=%s/test.h5" % folder, "fit.verbose=0"] + CONFIGS[name]
    begin = time.monotonic()
    undisturbed = Run(train(config, out + "-reference", settings), 2).end()
    check(undisturbed.code == 0, name + ": the undisturbed run fails\n" + undisturbed.stderr)
    span_s, expected = time.monotonic() - begin, result(out + "-reference")
    hits = rounds = 0
    slowest = None
    while hits < n:
        outcome = kill_once(train(config, out, settings + draw_ways(rng)), out, span_s, rng)
        if outcome and outcome.code != 0:
            hits += 1
            if slowest is None or outcome.seconds > slowest.seconds:
                slowest = outcome
        elif not outcome or outcome.code == 0:
            check(result(out) == expected, "%s: the result differs after %d kills" % (name, hits))
            rounds += 1
            for leftover in (out + "/checkpoints", out):
                for file in os.listdir(leftover):
                    if os.path.isfile(leftover + "/" + file):
                        os.remove(leftover + "/" + file)
    check(Run(train(config, out, settings), 2).end().code == 0, name + ": does not go on after the last kill")
    check(result(out) == expected, "%s: the result differs after %d kills" % (name, hits))
    whole(out)
    row("%s: SIGKILL at %d random points, %d whole runs" % (name, hits, rounds + 1), slowest, "equal")


def kills(folder):
    make_images(folder)
    n = n_cases(12)
    rng = random.Random("kills %d" % first_seed())
    for i, name in enumerate(CONFIGS):
        one_config(name, folder, n // 2 + (n % 2 if i else 0), rng)


main(kills)
