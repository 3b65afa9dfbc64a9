# SPDX-License-Identifier: MIT
"""One picture of the table. Usage: picture.py RESULTS.json OUT.png"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws

from row import CLAIMS, NETS  # noqa: E402

OURS, GOAL, BAD = "#2b6ca3", "#222222", "#c0504d"


def nothing(axes):
    axes.set_axis_off()
    axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes, color="#888888")


def bars(axes, rows, claim):
    """A bar for each net with the turns' spread; a black tick is the target, red bars miss it."""
    rows = sorted((r for r in rows if r["claim"] == claim), key=lambda r: NETS.index(r["case"]) if r["case"] in NETS else 99)
    title, unit, more, _ = CLAIMS[claim]
    axes.set_title(f"{title}\n({'higher' if more else 'lower'} is better)", fontsize=9)
    for i, r in enumerate(rows):
        axes.bar(i, r["value"], color=BAD if r["met"] is False else OURS, width=0.62)
        axes.errorbar(i, r["value"], yerr=[[r["value"] - r["low"]], [r["high"] - r["value"]]], color="#888888", capsize=2, lw=1)
        axes.annotate(f"{r['value']:.2f}{unit}", (i, max(r["value"], r["high"])), ha="center", va="bottom", fontsize=7)
        if r["target"] is not None:
            axes.plot([i - 0.4, i + 0.4], [r["target"]] * 2, color=GOAL, lw=1.6)
    axes.set_xticks(range(len(rows)), [r["case"] for r in rows], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.15)
    if not rows:
        nothing(axes)


def curves(axes, rows):
    """The exchange over sizes."""
    axes.set_title("exchange of gradients alone\n(solid: ours, dashed: MPI_Allreduce)", fontsize=9)
    rows = [r for r in rows if r["claim"].startswith("exchange")]
    if not rows:
        nothing(axes)
        return
    for ranks, colour in ((2, OURS), (4, "#e08a2c")):
        points = [p for r in rows if r["case"] == f"{ranks} ranks" for p in r["points"]]
        points.sort(key=lambda p: p["bytes"])
        sizes = [p["bytes"] / 1024 for p in points]
        axes.plot(sizes, [p["ours_us"] for p in points], color=colour, marker="o", ms=3, lw=1.2, label=f"{ranks} ranks")
        axes.plot(sizes, [p["theirs_us"] for p in points], color=colour, marker="o", ms=3, lw=1.2, ls="--")
    axes.set_xscale("log", base=4)
    axes.set_yscale("log")
    axes.set_xlabel("KiB", fontsize=7)
    axes.set_ylabel("us", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)


def draw(results, path):
    rows, machine, versions = results["rows"], results["machine"], results["versions"]
    figure, grid = pyplot.subplots(3, 3, figsize=(13, 10.5))
    for axes, claim in zip(grid.flat, ["torch", "ddp", "keras", "roofline", "contract", "scaling", "fetch", "memory"]):
        bars(axes, rows, claim)
    curves(grid.flat[8], rows)
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    figure.suptitle(f"{machine['cpu']}, {machine['cores']} cores\n{names}\n"
                    "black tick: target; red: missed; grey: spread over the turns", fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        draw(json.load(source), sys.argv[2])
