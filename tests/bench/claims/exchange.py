# SPDX-License-Identifier: MIT
"""The exchange of gradients alone beside Open MPI's own MPI_Allreduce, over sizes, on the ranks of one node."""
import json
import subprocess

from row import row

LARGE = 1 << 20


def run(bench, ranks):
    command = bench.tools.mpirun(ranks) + [bench.tools.program("bench_exchange"), *bench.exchange_sizes()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          env=bench.tools.environment(1))
    if done.returncode != 0:
        raise SystemExit(f"bench_exchange on {ranks} ranks: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def worst(points):
    return min(points, key=lambda point: point["ratio"])


def measure(bench):
    rows = []
    found = {ranks: run(bench, ranks) for ranks in (2, 4)}
    for claim, large in (("exchange", True), ("exchange_small", False)):
        for ranks, points in found.items():
            chosen = [p for p in points if (p["bytes"] >= LARGE) == large]
            if chosen:
                point = worst(chosen)
                rows.append(row(claim, f"{ranks} ranks", point, ours=f"{point['kind']}: {point['ours_us']:.0f} us",
                                theirs=f"{point['theirs_us']:.0f} us at {point['bytes'] / 1024:.0f} KiB, the worst", points=chosen))
    return rows
