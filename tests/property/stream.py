#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streamed data gives the bits of data in memory: in any order of samples, stored in any way, in one file or several, through buffers of
any size, on any ranks x threads, killed and resumed. Usage: stream.py MPIRUN LOCKSTEP ADD_WEIGHTS

Each case trains once from one file in memory. Then with the same samples, stored anew for each run and streamed.
Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import random
import signal
import subprocess
import time

from cases import Case
from runs import Failure, Layout, checkpoints, compare, main, newest_iteration, send, start_and_hit

VARIANTS = 2
FEATURES, ROWS = 160, 3000  # 1.8 MiB: more than the least limit there is
ORDERS = ["true", "false", "batch", "blocks"]
TOO_LITTLE = "raise data.memory_limit_mib"


def draw_case(seed):
    case, rng = Case(5000 + seed), random.Random("orders %d" % seed)
    case.wide, case.pixels, case.shape, case.rows = True, False, [FEATURES], ROWS + rng.randrange(500)
    case.layers = case._layers(rng)
    case.batch = case.fit["batch_size"] = max(32, case.batch)
    case.fit["shuffle"] = ORDERS[seed % 4]
    if case.fit["shuffle"] == "blocks":
        case.fit["shuffle_block"], case.fit["shuffle_window"] = rng.choice([1, 7, 40, 256, 5000]), rng.choice([1, 2, 6, 100])
    return case


def store(tools, rng, folder, name, rows, weights):
    """The samples in one to five files, each contiguous, in chunks or compressed; returns what the config calls them."""
    cuts = [0] + sorted(rng.sample(range(1, rows), rng.choice([0, 0, 1, 4]))) + [rows]
    paths, story = [], []
    for i, (begin, end) in enumerate(zip(cuts, cuts[1:])):
        path, layout = "%s/%s-%d.h5" % (folder, name, i), []
        if rng.random() < 0.65:
            layout = ["--chunk-rows", str(rng.choice([1, 5, 16, 33, 64])), "--deflate", str(rng.choice([0, 1, 5]))]
        tools.run(["convert", folder + "/x.npy", folder + "/y.npy", "--rows", "%d:%d" % (begin, end), "--out", path] + layout)
        if weights:
            subprocess.run([tools.add_weights, path] + ["%g" % w for w in weights[begin:end]], check=True)
        paths.append(path)
        story.append("x".join(layout[1::2]) or "plain")
    named = "%s/%s-?.h5" % (folder, name) if rng.random() < 0.5 else "[%s]" % ", ".join(paths) if len(paths) > 1 else paths[0]
    return named, "+".join(story)


def streamed(run, limit=1):
    """run(settings) with the least memory it is content with."""
    while True:
        try:
            return run(["data.memory_limit_mib=%d" % limit]), limit
        except Failure as e:
            if TOO_LITTLE not in str(e) or limit > 8:
                raise
            limit += 1


def kill_and_resume(tools, rng, config, out, layout, settings, place):
    """Returns where it was killed; "" when the run was quicker."""

    def hit(_mpirun, ranks):
        time.sleep(rng.uniform(0, 0.02))
        send(ranks if rng.random() < 0.5 else [rng.choice(ranks)], signal.SIGKILL)

    arguments = tools.train_arguments(config, out, layout, settings + ["checkpoint.every_steps=3"])
    code, output = start_and_hit(tools, arguments, layout, out, place, hit)
    if code != 0 and not checkpoints(out):
        raise Failure(output)
    return " killed@%d" % newest_iteration(out) if code != 0 else ""


def one_case(tools, seed, folder):
    case, rng = draw_case(seed), random.Random("layouts %d" % seed)
    weights = case.write_arrays(folder)
    config = folder + "/config.yaml"

    def write_config(data):
        with open(config, "w") as f:
            f.write(case.config(data))

    tools.run(["convert", folder + "/x.npy", folder + "/y.npy", "--out", folder + "/whole.h5"])
    if weights:
        subprocess.run([tools.add_weights, folder + "/whole.h5"] + ["%g" % w for w in weights], check=True)
    write_config(folder + "/whole.h5")
    expected = tools.train(config, folder + "/reference", Layout(1, 1))
    stories = []
    for i in range(VARIANTS):
        layout, out = Layout.draw(rng), "%s/run%d" % (folder, i)
        data, story = store(tools, rng, folder, "part%d" % i, case.rows, weights)
        write_config(data)
        if i == VARIANTS - 1:
            story += kill_and_resume(tools, rng, config, out, layout, ["data.memory_limit_mib=3"], rng.randrange(1, max(2, case.steps())))
            layout = Layout.draw(rng)
        found, limit = streamed(lambda settings: tools.train(config, out, layout, settings))
        story = "%s, %s, %d MiB" % (layout, story, limit)
        compare(found, expected, story)
        stories.append(story)
    return "%s: %s = %s" % (case.fit["shuffle"], "; ".join(stories), expected["model.h5"])


main(one_case, default_cases=4)
