# SPDX-License-Identifier: MIT
"""The model's parameters, measured here, and real runs between network namespaces to hold it against."""
import json
import os
import statistics
import subprocess

from cluster.model import Cost, Link, leaf_rows_auto
from net import Network
from workers import Ours, Tools, WorkerError

PHASES = ["forward", "loss", "backward", "exchange", "update", "fetch"]


def network(bench, hosts, mbit, delay):
    return Network(hosts, mbit, delay, os.path.join(bench.tools.build, "tests", "netns", "netns_relay"))


class HostTools(Tools):
    """Programs start on the hosts of a network, a rank on each."""

    def __init__(self, tools, net):
        super().__init__(tools.build, None, tools.launcher)
        self.net = net

    def mpirun(self, ranks):
        return self.net.command(self.launcher, [1] * ranks, [])

    def environment(self, threads):
        return self.net.environment(super().environment(threads))


def samples(worker, turns, seconds):
    worker.run(min(0.1, seconds))
    found = []
    for _ in range(turns):
        worker.run(seconds)
        found.append(worker.last)
    return found


def medians(found):
    return {name: statistics.median(f[name] for f in found) for name in PHASES + ["us_per_step"]}


def compute_cost(bench, net):
    """One rank, one thread, at the net's batch and at a quarter of it, with the leaves of the whole."""
    points = []
    for rows in (net.batch, net.batch // 4):
        worker = Ours(bench.tools, net, 1, 1, sets=[f"fit.batch_size={rows}", f"parallel.leaf_rows={leaf_rows_auto(net.batch)}"])
        try:
            points.append((rows, medians(samples(worker, bench.repeats, bench.seconds))))
        finally:
            worker.close()
    (many, most), (few, least) = points
    per_row = {name: max(0.0, (most[name] - least[name]) / (many - few)) for name in PHASES}
    fixed = {name: most[name] - per_row[name] * many for name in PHASES}
    return Cost(fixed, per_row)


def exchange_times(bench, hosts, mbit, delay):
    """{bytes: microseconds} of the exchange alone."""
    with network(bench, hosts, mbit, delay) as net:
        tools = HostTools(bench.tools, net)
        command = tools.mpirun(hosts) + [tools.program("bench_exchange"), str(bench.repeats), str(4 << 20)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env=tools.environment(1), timeout=300)
    if done.returncode != 0:
        raise WorkerError(f"bench_exchange on {hosts} hosts: {done.stderr.strip()[-400:]}")
    points = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {p["bytes"]: p["ours_us"] for p in points}


def link_of(bench, mbit, delay=0, overhead=None):
    """Latency and bandwidth from two hosts: the shortest exchange is 2 latencies, the longest nearly all bandwidth. The overhead of a
    message from four hosts, which have two more peers each; here they share the cores, so it is an upper bound."""
    two = exchange_times(bench, 2, mbit, delay)
    small, large = min(two), max(two)
    per_byte = (two[large] - two[small]) / (large - small)
    if overhead is None:
        overhead = max(0.5, (exchange_times(bench, 4, mbit, delay)[small] - two[small]) / 4)
    return Link(max(1.0, two[small] / 2 - overhead), per_byte, overhead)


def real_step(bench, net, mbit, delay, overlap):
    with network(bench, 2, mbit, delay) as hosts:
        worker = Ours(HostTools(bench.tools, hosts), net, 2, 1, sets=[f"parallel.overlap={str(overlap).lower()}"])
        try:
            return medians(samples(worker, bench.repeats, bench.seconds))
        finally:
            worker.close()


def record_timeline(bench, net, mbit, delay, path):
    """Three steps of two hosts."""
    first = net.group_steps() + 1
    with network(bench, 2, mbit, delay) as hosts:
        worker = Ours(HostTools(bench.tools, hosts), net, 2, 1,
                      sets=[f"profile.timeline={path}", f"profile.timeline_start={first}", "profile.timeline_steps=3"])
        worker.run(0.1)
        worker.close()
