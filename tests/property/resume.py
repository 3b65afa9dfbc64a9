#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Killed or stopped at any step, resumed on other ranks x threads: the same bits. Usage: resume.py MPIRUN LOCKSTEP ADD_WEIGHTS

Each case trains once undisturbed. Then again, with a checkpoint every step or two, and somewhere in the middle
  kill     every rank gets SIGKILL
  kill one rank gets SIGKILL (mpirun ends the others)
  signal   one rank gets SIGTERM, SIGINT or SIGUSR1: exit code 75 and a checkpoint
and then sometimes the newest checkpoint is damaged. It is resumed until it is done.
Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import os
import random
import signal
import time

from cases import Case
from runs import INTERRUPTED, Failure, Layout, checkpoints, compare, main, newest_iteration, send, start_and_hit

KINDS = ["kill all", "kill one", "SIGTERM", "SIGINT", "SIGUSR1"]
MIN_STEPS = 30  # enough that there is time to hit a run in its middle


def draw_case(seed):
    """The first of the seed's cases that is long enough: epochs are added until it is."""
    case = Case(1000 + seed)
    while case.steps() < MIN_STEPS:
        case.epochs += 1
        case.fit["epochs"] = case.epochs
    return case


def hit_of(kind, rng):
    def hit(_mpirun, ranks):
        time.sleep(rng.uniform(0, 0.02))
        if kind == "kill all":
            send(ranks, signal.SIGKILL)
        elif kind == "kill one":
            send([rng.choice(ranks)], signal.SIGKILL)
        else:
            send([rng.choice(ranks)], getattr(signal, kind))

    return hit


def damage(path, rng):
    """Cut the file short, or flip one bit of it."""
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        if rng.random() < 0.5:
            f.truncate(rng.randrange(size))
            return "cut"
        place = rng.randrange(size // 2, size)
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ (1 << rng.randrange(8))]))
        return "flipped"


def check_leftovers(out):
    names = os.listdir(out + "/checkpoints")
    strange = [n for n in names if n not in checkpoints(out) and not n.endswith(".lockstep-tmp")]
    if strange:
        raise Failure("left behind among the checkpoints: %s" % strange)


def disturb(tools, config, out, layout, every, place, kind, rng):
    """Run until `place`, and disturb it. Returns what happened, or None when the run was quicker."""
    extra = ["checkpoint.every_steps=%d" % every, "checkpoint.background=%s" % rng.choice(["true", "true", "false"]),
             "parallel.check_every_steps=%d" % rng.choice([0, 1, 7, 100])]
    arguments = tools.train_arguments(config, out, layout, extra)
    code, output = start_and_hit(tools, arguments, layout, out, place, hit_of(kind, rng))
    if code == 0:
        return None
    if kind.startswith("SIG") and code != INTERRUPTED:
        raise Failure("%s at one rank of %s gave exit code %d:\n%s" % (kind, layout, code, output))
    story = "%s %s@%d" % (layout, kind, newest_iteration(out))
    if rng.random() < 0.25 and len(checkpoints(out)) > 1:
        story += " newest " + damage("%s/checkpoints/%s" % (out, checkpoints(out)[-1]), rng)
    return story


def one_case(tools, seed, folder):
    case, rng = draw_case(seed), random.Random("hits %d" % seed)
    config, out = folder + "/config.yaml", folder + "/run"
    with open(config, "w") as f:
        f.write(case.config(folder + "/data.h5"))
    tools.make_data(case, folder)
    expected = tools.train(config, folder + "/reference", Layout(2, 1))

    story, place = [], rng.randint(1, case.steps() // 3)
    for hit in range(rng.choice([1, 1, 2])):
        kind = KINDS[(seed + hit) % len(KINDS)]
        happened = disturb(tools, config, out, Layout.draw(rng), rng.choice([1, 1, 2]), place, kind, rng)
        if happened is None:
            story.append("done before the hit")
            break
        story.append(happened)
        place = newest_iteration(out) + rng.randint(1, 5)
    last = Layout.draw(rng)
    result = tools.train(config, out, last)
    story.append("resumed on %s" % last)
    compare(result, expected, "; ".join(story))
    check_leftovers(out)
    return "; ".join(story)


main(one_case, default_cases=15)
