# SPDX-License-Identifier: MIT
"""What a timeline (lockstep train --timeline) says of overlap. Usage: timeline.py TIMELINE.json OUT.png draws its second step."""
import json
import sys

TRAINING, EXCHANGE = 0, 1
COLOURS = {"forward": "#2b6ca3", "loss": "#7fb2d9", "backward": "#4f9d69", "exchange": "#c0504d", "update": "#e08a2c", "fetch": "#9467bd"}
WAITING = "exchange"  # what the training thread spends on gradients under this category is not hidden


def spans(path):
    """[(rank, track, category, name, begin, end)] in microseconds, and the ranks' names."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    return [(e["pid"], e["tid"], e["cat"], e["name"], e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X"], names


def union(intervals):
    merged = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return merged


def common(a, b):
    """Length of what two unions share."""
    return sum(max(0.0, min(x[1], y[1]) - max(x[0], y[0])) for x in a for y in b)


def hidden_share(path):
    """Of the time in which gradients are under way, the share in which the ranks compute."""
    found, names = spans(path)
    under_way = beside = 0.0
    for rank in names:
        moving = union([s[4:] for s in found if s[0] == rank and s[1] == EXCHANGE])
        computing = union([s[4:] for s in found if s[0] == rank and s[1] == TRAINING and s[2] not in (WAITING, "step")])
        under_way += sum(end - begin for begin, end in moving)
        beside += common(moving, computing)
    return beside / under_way if under_way else 0.0


def draw(path, out):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    found, names = spans(path)
    steps = sorted(s[4:] for s in found if s[2] == "step" and s[0] == 0)
    begin, end = steps[min(1, len(steps) - 1)]
    figure, axes = pyplot.subplots(figsize=(11, 1.2 + 1.1 * len(names)))
    for rank in names:
        for track in (TRAINING, EXCHANGE):
            for _, _, category, name, a, b in (s for s in found if s[0] == rank and s[1] == track and s[2] in COLOURS):
                if a < begin or b > end or "bucket" in name and category == "backward" or name == "forward":
                    continue  # a span that holds the layers' spans
                axes.barh(-2.4 * rank - track, (b - a) / 1e3, left=(a - begin) / 1e3, height=0.8, color=COLOURS[category],
                          edgecolor="white", lw=0.4)
    rows = [(-2.4 * rank - track, f"{name}, {what}") for rank, name in names.items()
            for track, what in ((TRAINING, "training"), (EXCHANGE, "exchange"))]
    axes.set_yticks([y for y, _ in rows], [text for _, text in rows], fontsize=8)
    axes.set_xlabel("ms", fontsize=8)
    axes.legend(handles=[pyplot.Rectangle((0, 0), 1, 1, color=c, label=k) for k, c in COLOURS.items()], fontsize=7, ncol=6,
                loc="upper center", bbox_to_anchor=(0.5, 1.15))
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    draw(sys.argv[1], sys.argv[2])
