# SPDX-License-Identifier: MIT
"""Whole calls of fit, one epoch of shuffled data in memory with accuracy, beside Keras with its fastest backend."""
import statistics

import pairing
from claims.layouts import best_of
from row import row
from workers import Peer, WorkerError

BACKENDS = ["jax", "tensorflow", "torch"]
PEERS = {}


def peers(bench):
    """Backends x numbers of threads; one that cannot start is said once and left out."""
    if not PEERS:
        for backend in BACKENDS:
            for threads in sorted({1, bench.cores}):
                name = f"{backend}, {threads} threads"
                try:
                    PEERS[name] = Peer(bench.tools, "keras_peer.py", "Keras on " + name, threads=threads, KERAS_BACKEND=backend)
                    bench.versions.update(PEERS[name].versions)
                except WorkerError as problem:
                    bench.say(f"    Keras on {backend} does not start: {problem}")
        bench.versions.pop("backend", None)
    return PEERS


def choose(bench, net):
    times = {}
    for name, peer in peers(bench).items():
        try:
            peer.open(net, steps=net.epoch_steps())
            times[name] = peer.measure(1)["us_per_step"]
        except WorkerError as problem:
            bench.say(f"    {name}: {problem}")
    return min(times, key=times.get), times


def measure(bench, net):
    name, candidates = choose(bench, net)
    steps = net.epoch_steps()
    worker, layouts = best_of(bench, net, {(1, 1), (1, bench.cores), (bench.cores, 1)}, mode="fit", steps=steps)
    peer, ours, theirs = PEERS[name], [], []
    try:
        for _ in range(max(3, bench.repeats // 2)):
            ours.append(worker.measure(1)["us_per_step"])
            theirs.append(peer.measure(1)["us_per_step"])
    finally:
        worker.close()
    return [row("keras", net.name, pairing.ratio(theirs, ours),
                ours=f"{worker.name[9:]}: {statistics.median(ours) * steps / 1e3:.1f} ms",
                theirs=f"{name}: {statistics.median(theirs) * steps / 1e3:.1f} ms", layouts=layouts, candidates=candidates,
                steps=steps, ours_us=ours, theirs_us=theirs)]


def close():
    for peer in PEERS.values():
        peer.close()
    PEERS.clear()
