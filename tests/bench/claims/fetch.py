# SPDX-License-Identifier: MIT
"""Fetching and converting uint8 samples, as a share of the step that does it: what a step waits for."""
from row import row
from workers import Ours


def measure(bench, net):
    worker = Ours(bench.tools, net, 1, 1, dtype="uint8")
    shares = []
    try:
        worker.run(bench.seconds)
        for _ in range(bench.repeats):
            us = worker.run(bench.seconds)
            shares.append(100 * worker.last["fetch"] / us)
    finally:
        worker.close()
    shares.sort()
    stats = {"ratio": shares[len(shares) // 2], "low": shares[0], "high": shares[-1]}
    return [row("fetch", net.name, stats, ours=f"1x1: {worker.last['fetch']:.1f} us", theirs=f"step: {us:.0f} us")]
