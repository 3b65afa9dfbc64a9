# SPDX-License-Identifier: MIT
"""Our side on every layout of this machine's cores that a claim allows; the fastest is kept."""
from pairing import fastest
from workers import Ours


def best_of(bench, net, layouts, **words):
    """(worker, {layout: us}); the others are closed."""
    workers = {}
    for ranks, threads in layouts:
        workers[f"{ranks}x{threads}"] = Ours(bench.tools, net, ranks, threads, **words)
    name, times = fastest(workers, bench.probe_s)
    for other, worker in workers.items():
        if other != name:
            worker.close()
    return workers[name], times
