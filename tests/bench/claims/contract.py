# SPDX-License-Identifier: MIT
"""The price of the contract: a step as it is over one that sums in whatever order is fastest."""
import statistics

import pairing
from row import row
from workers import Ours, WorkerError


def measure(bench, net):
    try:
        free = Ours(bench.tools, net, 1, 1, sets=["parallel.reproducible=false"])
    except WorkerError as problem:
        bench.say(f"    skipped: {problem}")
        return []
    worker = Ours(bench.tools, net, 1, 1)
    try:
        on, off = pairing.turns([worker, free], bench.repeats, bench.seconds)
    finally:
        worker.close()
        free.close()
    return [row("contract", net.name, pairing.ratio(on, off), ours=f"on: {statistics.median(on):.0f} us",
                theirs=f"off: {statistics.median(off):.0f} us", ours_us=on, theirs_us=off)]
