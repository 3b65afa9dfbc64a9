#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The contract: equal bits on any ranks x threads x exchange. Usage: contract.py MPIRUN LOCKSTEP

Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import random

from cases import Case
from runs import EXCHANGES, RANKS, THREADS, Failure, Layout, main

VARIANTS = 4


def one_case(tools, seed, folder):
    case, rng = Case(seed), random.Random("layouts %d" % seed)
    config = folder + "/config.yaml"
    with open(config, "w") as f:
        f.write(case.config(folder + "/data.h5"))
    tools.make_data(case, folder)

    expected = tools.train(config, folder + "/reference", Layout(1, 1))
    shown = tools.run(["evaluate", folder + "/reference/model.h5", folder + "/data.h5", "--json"])
    layouts = [Layout(ranks, rng.choice(THREADS), rng.choice(EXCHANGES)) for ranks in rng.sample(RANKS[1:], VARIANTS)]
    layouts[0] = Layout(1, rng.choice(THREADS[1:]))
    for i, layout in enumerate(layouts):
        out = "%s/run%d" % (folder, i)
        digest, history = tools.train(config, out, layout)
        if digest != expected[0]:
            raise Failure("on %s the weights are %s, on 1x1 %s" % (layout, digest, expected[0]))
        if history != expected[1]:
            raise Failure("on %s another history:\n%s\non 1x1:\n%s" % (layout, history.decode(), expected[1].decode()))
    again = tools.run(["evaluate", out + "/model.h5", folder + "/data.h5", "--json"], layout.ranks)
    if again != shown:
        raise Failure("evaluate on %d ranks prints\n%son 1:\n%s" % (layout.ranks, again, shown))
    return "%s = %s" % (", ".join(map(str, layouts)), expected[0])


main(one_case, default_cases=12)
