# SPDX-License-Identifier: MIT
"""Efficiency over hosts, weak and strong. Usage: picture.py CLUSTER.json OUT.png"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws

COLOURS = ["#c0504d", "#e08a2c", "#2b6ca3"]


def draw(result, path):
    rows, hosts = result["curves"], result["hosts"]
    names = list(dict.fromkeys(r["net"] for r in rows))
    figure, grid = pyplot.subplots(2, len(names), figsize=(3.4 * len(names), 6.4), sharex=True, sharey=True, squeeze=False)
    for column, name in enumerate(names):
        for line, kind in enumerate(("weak", "strong")):
            axes = grid[line][column]
            for colour, r in zip(COLOURS, (r for r in rows if r["net"] == name)):
                axes.plot(hosts, [100 * e for e in r[kind]], color=colour, marker="o", ms=3, lw=1.2, label=r["link"])
            axes.axhline(50, color="#888888", lw=0.8, ls=":")
            axes.set_title(f"{name}, {kind}", fontsize=9)
            axes.set_xscale("log", base=2)
            axes.tick_params(labelsize=7)
            axes.set_ylim(0, 110)
    for axes in grid[-1]:
        axes.set_xlabel("hosts, a rank of one thread each", fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("speed a host over one host's, %", fontsize=8)
    grid[0][0].legend(fontsize=7)
    figure.suptitle(f"cost model from {result['machine']['cpu']}", fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        draw(json.load(source), sys.argv[2])
