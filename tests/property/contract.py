#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The contract: equal bits on any ranks x threads x exchange. Usage: contract.py MPIRUN LOCKSTEP ADD_WEIGHTS

Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import random

from cases import Case
from runs import EXCHANGES, RANKS, THREADS, Failure, Layout, compare, main

VARIANTS = 4


def one_case(tools, seed, folder):
    case, rng = Case(seed), random.Random("layouts %d" % seed)
    config = folder + "/config.yaml"
    with open(config, "w") as f:
        f.write(case.config(folder + "/data.h5"))
    tools.make_data(case, folder)

    expected = tools.train(config, folder + "/reference", Layout(1, 1))
    shown = tools.run(["evaluate", folder + "/reference/model.h5", folder + "/data.h5", "--json"])
    layouts = [Layout(ranks, rng.choice(THREADS), rng.choice(EXCHANGES), rng.random() < 0.4) for ranks in rng.sample(RANKS[1:], VARIANTS)]
    layouts[0] = Layout(1, rng.choice(THREADS[1:]))
    for i, layout in enumerate(layouts):
        out = "%s/run%d" % (folder, i)
        streamed = ["data.memory_limit_mib=1"] if case.wide and layout.ranks == 1 else []
        compare(tools.train(config, out, layout, streamed), expected, "%s against 1x1" % layout)
    again = tools.run(["evaluate", out + "/model.h5", folder + "/data.h5", "--json"], layout.ranks)
    if again != shown:
        raise Failure("evaluate on %d ranks prints\n%son 1:\n%s" % (layout.ranks, again, shown))
    return "%s = %s" % (", ".join(map(str, layouts)), expected["model.h5"])


main(one_case, default_cases=12)
