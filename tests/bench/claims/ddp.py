# SPDX-License-Identifier: MIT
"""Two ranks of one thread beside PyTorch's DistributedDataParallel over gloo on two ranks of one thread."""
import statistics

import pairing
from row import row
from workers import Ours, Peer, WorkerError

VARIANTS = ["eager", "fused"]


def choose(bench, net):
    """A group of processes for each variant; the faster one stays."""
    workers, times = {}, {}
    for variant in VARIANTS:
        peer = Peer(bench.tools, "ddp_peer.py", f"DDP {variant}", ranks=2, threads=1)
        try:
            peer.open(net, variant)
            times[variant] = peer.run(bench.probe_s)
            workers[variant] = peer
        except WorkerError as problem:
            bench.say(f"    DDP {variant} does not work here: {problem}")
            peer.close()
    best = min(times, key=times.get)
    for variant, peer in workers.items():
        if variant != best:
            peer.close()
    return workers[best], best


def measure(bench, net):
    peer, variant = choose(bench, net)
    worker = Ours(bench.tools, net, 2, 1)
    try:
        ours, theirs = pairing.turns([worker, peer], bench.repeats, bench.seconds)
    finally:
        worker.close()
        peer.close()
    return [row("ddp", net.name, pairing.ratio(theirs, ours), ours=f"2x1: {statistics.median(ours):.0f} us",
                theirs=f"{variant}: {statistics.median(theirs):.0f} us", ours_us=ours, theirs_us=theirs)]
