# SPDX-License-Identifier: MIT
"""Two ranks of one thread beside one of one thread, the same global batch; and beside two that have nothing to do with each other."""
import statistics
from concurrent.futures import ThreadPoolExecutor

import pairing
from row import row
from workers import Ours


class SideBySide:
    """Two workers at once. A step of the slower counts half, as two are made."""

    def __init__(self, workers):
        self.workers = workers

    def run(self, seconds):
        with ThreadPoolExecutor(len(self.workers)) as pool:
            return max(pool.map(lambda worker: worker.run(seconds), self.workers)) / len(self.workers)


def measure(bench, net):
    workers = []
    try:
        for ranks in (1, 2, 1):
            workers.append(Ours(bench.tools, net, ranks, 1))
        one, two, other = workers
        alone, both, apart = pairing.turns([one, two, SideBySide([one, other])], bench.repeats, bench.seconds)
    finally:
        for worker in workers:
            worker.close()
    theirs = f"1x1: {statistics.median(alone):.0f} us"
    return [row("scaling", net.name, pairing.ratio(alone, both), ours=f"2x1: {statistics.median(both):.0f} us", theirs=theirs,
                ours_us=both, theirs_us=alone),
            row("scaling_bound", net.name, pairing.ratio(alone, apart), ours=f"side by side: {statistics.median(apart):.0f} us",
                theirs=theirs, ours_us=apart, theirs_us=alone)]
