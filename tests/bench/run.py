# SPDX-License-Identifier: MIT
"""Measure the table of claims. ./scripts/bench starts this; see its --help."""
import argparse
import importlib
import os
import subprocess
import sys
import time

import machine
import nets
import report
from workers import Tools, WorkerError

HERE = os.path.dirname(os.path.abspath(__file__))
PER_NET = ["torch", "ddp", "keras", "roofline", "contract", "scaling", "fetch", "memory", "launch", "safety"]
ONCE = ["stream", "exchange"]
NEEDS_PEERS = {"torch": "torch", "ddp": "torch", "keras": "keras"}


class Bench:
    """What every claim is told: where things are, and how long to measure."""

    def __init__(self, args):
        self.tools = Tools(args.build, args.python, args.mpirun)
        self.cores = min(2, len(os.sched_getaffinity(0))) if args.smoke else len(os.sched_getaffinity(0))
        self.smoke = args.smoke
        self.repeats = args.repeats or (2 if args.smoke else 5 if args.quick else 11)
        self.seconds = 0.02 if args.smoke else 0.1 if args.quick else 0.3
        self.probe_s = 0.02 if args.smoke else 0.2 if args.quick else 0.5
        self.versions = {}

    def exchange_sizes(self):
        """Turns and the largest size in bytes."""
        return ["2", "65536"] if self.smoke else [str(3 * self.repeats), str(64 << 20)]

    @staticmethod
    def say(text):
        print(text, flush=True)


def options():
    parser = argparse.ArgumentParser(prog="./scripts/bench", description="Measure Lockstep beside its peers: table, CSV, JSON, "
                                     "picture. Takes about an hour on an otherwise idle machine.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns: about 25 minutes")
    parser.add_argument("--smoke", action="store_true", help="only see that it works, on the smallest net")
    parser.add_argument("--nets", metavar="A,B", help="some of the nets in tests/bench/nets.json")
    parser.add_argument("--claims", metavar="A,B", help="some of: " + ", ".join(PER_NET + ONCE))
    parser.add_argument("--repeats", metavar="N", type=int, help="turns of each comparison (11; 5 with --quick)")
    parser.add_argument("--out", metavar="DIR", default="runs/bench", help="folder for bench.csv, bench.md, bench.json, bench.png")
    parser.add_argument("--build", default="build", help=argparse.SUPPRESS)
    parser.add_argument("--python", help=argparse.SUPPRESS)
    parser.add_argument("--mpirun", default="mpirun", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    if args.python == "none":
        args.python = None
    return parser, args


def chosen_claims(parser, args):
    names = args.claims.split(",") if args.claims else PER_NET + ONCE
    for name in names:
        if name not in PER_NET + ONCE:
            parser.error(f"unknown claim '{name}'; known: {', '.join(PER_NET + ONCE)}")
    return names


def can_import(python, module):
    return subprocess.run([python, "-c", f"import {module}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def available(bench, names):
    """The claims that can be measured here; the others are named."""
    have = {module: bench.tools.has_peers and can_import(bench.tools.python, module) for module in ("torch", "keras")}
    for name in names:
        module = NEEDS_PEERS.get(name)
        if module and not have[module]:
            print(f"SKIPPED: {report.CLAIMS[name][0]}: {module} is not here")
        else:
            yield name


def measure(bench, name, chosen, table):
    claim = importlib.import_module(f"claims.{name}")
    rows = []
    table.heading(name)
    for net in chosen if name in PER_NET else [None]:
        try:
            found = claim.measure(bench, net) if net else claim.measure(bench)
        except WorkerError as problem:
            print(f"  {net.name if net else name}: FAILED: {problem}", flush=True)
            raise SystemExit(1) from problem
        table.add(found)
        rows += found
    if hasattr(claim, "close"):
        claim.close()
    return rows


def find_versions(bench):
    """Ours, from a worker of the smallest net."""
    from workers import Ours
    worker = Ours(bench.tools, nets.load(["basic"])[0], 1, 1)
    worker.close()
    bench.versions.update(worker.versions)


def write(bench, args, about, rows):
    os.makedirs(args.out, exist_ok=True)
    json_path, picture = os.path.join(args.out, "bench.json"), os.path.join(args.out, "bench.png")
    report.write_csv(os.path.join(args.out, "bench.csv"), rows)
    report.write_json(json_path, about, bench.versions, rows)
    report.write_markdown(os.path.join(args.out, "bench.md"), rows)
    print(f"\nwritten: {args.out}/bench.csv, {args.out}/bench.md, {json_path}")
    if not (bench.tools.has_peers and can_import(bench.tools.python, "matplotlib")):
        print("SKIPPED: the picture: matplotlib is not here")
        return
    subprocess.run([bench.tools.python, os.path.join(HERE, "picture.py"), json_path, picture], check=True)
    print(f"written: {picture}")


def main():
    parser, args = options()
    bench = Bench(args)
    chosen = nets.load(args.nets.split(",") if args.nets else ["basic"] if args.smoke else None)
    names = chosen_claims(parser, args)
    about, others, begin, rows = machine.describe(), machine.Others(), time.time(), []
    table = report.Table()
    find_versions(bench)
    print(f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB; Linux {about['kernel']}; {about['compiler']}")
    print(", ".join(f"{name} {version}" for name, version in bench.versions.items()))
    for name in available(bench, names):
        rows += measure(bench, name, chosen, table)
    about["others_cores"] = round(others.cores(), 2)
    write(bench, args, about, rows)
    missed = sum(r["met"] is False for r in rows)
    print(f"{len(rows)} figures, {sum(r['met'] is True for r in rows)} reach their target, {missed} miss it; "
          f"{(time.time() - begin) / 60:.1f} minutes")
    if about["others_cores"] > 0.1:
        print(f"NOTE: meanwhile other work took {about['others_cores']} cores: the figures are worth little")


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    main()
