# SPDX-License-Identifier: MIT
"""Measure a cost model of many hosts, check it between network namespaces, draw it to 1,024 ranks. ./scripts/bench-cluster starts this."""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.dirname(HERE)
sys.path[:0] = [BENCH, os.path.join(BENCH, "..", "netns")]

import machine  # noqa: E402  # after the path is set
import nets  # noqa: E402
from cluster import measure, model, timeline  # noqa: E402
from net import why_not  # noqa: E402
from workers import Tools  # noqa: E402

LINKS = {"1 Gbit/s": (1000, 0), "10 Gbit/s": (10000, 0), "1 Gbit/s, 50 us": (1000, 50), "1 Gbit/s, 200 us": (1000, 200)}  # Mbit/s, one way
DRAWN = {  # what such links are like between real hosts: us, us a byte, us of processor a message
    "1 Gbit/s, 50 us": (50, 8e-3), "10 Gbit/s, 20 us": (20, 8e-4), "100 Gbit/s, 5 us": (5, 8e-5)}
HOSTS = [2**i for i in range(11)]


class Bench:
    def __init__(self, args):
        self.tools = Tools(args.build, args.python, args.mpirun)
        self.repeats = args.repeats
        self.seconds = args.seconds


def options():
    parser = argparse.ArgumentParser(prog="./scripts/bench-cluster", description="A cost model of many hosts: measured here, checked "
                                     "between network namespaces (as root), drawn to 1,024 ranks. Nothing else should run meanwhile.")
    parser.add_argument("--nets", metavar="A,B", default="basic,medium,wide,large", help="nets that are drawn (%(default)s)")
    parser.add_argument("--checked", metavar="A,B", default="medium,wide", help="nets that are run between namespaces (%(default)s)")
    parser.add_argument("--repeats", metavar="N", type=int, default=5, help="measurements of each point (5)")
    parser.add_argument("--seconds", metavar="S", type=float, default=0.3, help="length of each (0.3)")
    parser.add_argument("--out", metavar="DIR", default="runs/bench", help="folder for cluster.json, cluster.png")
    parser.add_argument("--build", default="build", help=argparse.SUPPRESS)
    parser.add_argument("--python", help=argparse.SUPPRESS)
    parser.add_argument("--mpirun", default="mpirun", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    args.python = None if args.python == "none" else args.python
    return args


def check(bench, costs, chosen):
    """Real steps on two hosts beside the model's."""
    reason = why_not()
    if reason:
        print(f"SKIPPED: the check between network namespaces: {reason}")
        return {}, []
    links, rows, overhead = {}, [], None
    print("\ntwo hosts x 1 rank x 1 thread, us a step: measured, model, model / measured; exchange in the open")
    for name, (mbit, delay) in LINKS.items():
        links[name] = link = measure.link_of(bench, mbit, delay, overhead)
        overhead = link.overhead
        print(f"  {name}: latency {link.latency:.0f} us, {1e-3 / link.per_byte:.2f} GB/s, {link.overhead:.1f} us a message")
        for net in chosen:
            for overlap in (True, False):
                real = measure.real_step(bench, net, mbit, delay, overlap)
                guess, exposed = model.step(costs[net.name], model.buckets(net), link, net.batch, model.leaf_rows_auto(net.batch), 2,
                                            overlap)
                rows.append({"net": net.name, "link": name, "overlap": overlap, "measured_us": real["us_per_step"], "model_us": guess,
                             "exposed_us": real["exchange"], "model_exposed_us": exposed})
                print(f"    {net.name:<8} {'overlap' if overlap else 'in turn':<8} {real['us_per_step']:10.0f} {guess:10.0f} "
                      f"{guess / real['us_per_step']:6.2f}   {real['exchange']:10.0f} {exposed:10.0f}", flush=True)
    return links, rows


def prove_overlap(args, bench, net):
    """A timeline and its picture for each link."""
    found = {}
    for name, (mbit, delay) in LINKS.items():
        if delay:
            continue
        path = os.path.abspath(os.path.join(args.out, f"timeline-{mbit}.json"))
        measure.record_timeline(bench, net, mbit, delay, path)
        found[name] = timeline.hidden_share(path)
        print(f"{net.name}, {name}: {100 * found[name]:.0f}% of the time in which gradients are under way, the ranks compute: {path}")
        if bench.tools.has_peers:
            picture = path.replace(".json", ".png")
            subprocess.run([bench.tools.python, os.path.join(HERE, "timeline.py"), path, picture], check=True)
            print(f"written: {picture}")
    return found


def curves(costs, chosen, overhead):
    rows = []
    for name, (latency, per_byte) in DRAWN.items():
        link = model.Link(latency, per_byte, overhead)
        for net in chosen:
            cost, cut = costs[net.name], model.buckets(net)
            rows.append({
                "net": net.name, "link": name,
                "weak": [model.efficiency(cost, cut, link, net, n, True) for n in HOSTS],
                "strong": [model.efficiency(cost, cut, link, net, n, False) for n in HOSTS],
                "knee_weak": model.knee(cost, cut, link, net, True), "knee_strong": model.knee(cost, cut, link, net, False),
                "batch_for_64": model.batch_for(cost, cut, link, net, 64),
                "batch_for_1024": model.batch_for(cost, cut, link, net, 1024)})
    return rows


def show(rows):
    print("\nmost hosts at half the speed a host or better; smallest global batch that keeps 64 and 1,024 there")
    print(f"  {'net':<11}{'link':<18}{'strong':>7}{'weak':>7}{'batch for 64':>14}{'for 1,024':>11}")
    for r in rows:
        print(f"  {r['net']:<11}{r['link']:<18}{r['knee_strong']:>7}{r['knee_weak']:>7}{r['batch_for_64'] or 'none':>14}"
              f"{r['batch_for_1024'] or 'none':>11}")


def write(args, bench, result):
    path, picture = os.path.join(args.out, "cluster.json"), os.path.join(args.out, "cluster.png")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    print(f"\nwritten: {path}")
    if not bench.tools.has_peers:
        print("SKIPPED: the picture: matplotlib is not here")
        return
    subprocess.run([bench.tools.python, os.path.join(HERE, "picture.py"), path, picture], check=True)
    print(f"written: {picture}")


def main():
    args = options()
    bench, about = Bench(args), machine.describe()
    os.makedirs(args.out, exist_ok=True)
    drawn, checked = nets.load(args.nets.split(",")), nets.load([n for n in args.checked.split(",") if n])
    print(f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB; Linux {about['kernel']}; {about['compiler']}")
    costs = {}
    print("\none rank x 1 thread, us: fixed + a row")
    for net in {n.name: n for n in drawn + checked}.values():
        costs[net.name] = cost = measure.compute_cost(bench, net)
        print(f"  {net.name:<11}{sum(cost.fixed.values()):10.0f} + {sum(cost.per_row.values()):8.2f}", flush=True)
    links, checks = check(bench, costs, checked)
    hidden = prove_overlap(args, bench, checked[-1]) if checks else {}
    overhead = min((link.overhead for link in links.values()), default=3.0)
    rows = curves(costs, drawn, overhead)
    show(rows)
    write(args, bench, {
        "machine": about, "hosts": HOSTS, "curves": rows, "checks": checks, "hidden": hidden, "overhead_us": overhead,
        "links": {name: vars(link) for name, link in links.items()}, "costs": {name: vars(cost) for name, cost in costs.items()}})


if __name__ == "__main__":
    main()
