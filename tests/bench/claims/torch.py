# SPDX-License-Identifier: MIT
"""A training step beside PyTorch's, each at its best: ours over ranks x threads, PyTorch's over threads, eager and compiled."""
import statistics

import pairing
from claims.layouts import best_of
from row import row
from workers import Peer, WorkerError

VARIANTS = ["eager", "fused", "compiled"]
PEERS = {}


def peers(bench):
    """A process for each number of threads, for all nets."""
    for threads in sorted({1, bench.cores}):
        if threads not in PEERS:
            PEERS[threads] = Peer(bench.tools, "torch_peer.py", f"PyTorch, {threads} threads", threads=threads)
            bench.versions.update(PEERS[threads].versions)
    return PEERS


def choose(bench, net):
    """The fastest (threads, variant), opened, and everyone's time."""
    times = {}
    for threads, peer in peers(bench).items():
        for variant in VARIANTS:
            try:
                peer.open(net, variant)
                times[threads, variant] = peer.run(bench.probe_s)
            except WorkerError as problem:
                bench.say(f"    {variant} on {threads} threads does not work here: {problem}")
    threads, variant = min(times, key=times.get)
    PEERS[threads].open(net, variant)
    return PEERS[threads], f"{variant}, {threads} threads", {f"{v}, {t} threads": us for (t, v), us in times.items()}


def measure(bench, net):
    peer, name, candidates = choose(bench, net)
    worker, layouts = best_of(bench, net, {(1, 1), (1, bench.cores), (bench.cores, 1)})
    try:
        ours, theirs = pairing.turns([worker, peer], bench.repeats, bench.seconds)
    finally:
        worker.close()
    return [row("torch", net.name, pairing.ratio(theirs, ours), ours=f"{worker.name[9:]}: {statistics.median(ours):.0f} us",
                theirs=f"{name}: {statistics.median(theirs):.0f} us", layouts=layouts, candidates=candidates,
                gflops=net.flops() / statistics.median(ours) / 1e3, ours_us=ours, theirs_us=theirs)]


def close():
    for peer in PEERS.values():
        peer.close()
    PEERS.clear()
