# SPDX-License-Identifier: MIT
"""One line of the table, and what it is to reach."""

NETS = ["basic", "basic_adam", "medium", "wide", "large"]

# claim: (title, unit, is more better, target of each net or one for all)
CLAIMS = {
    "torch": ("step, vs PyTorch at its best", "x", True, [4, 6, 2, 1.15, 1.05]),
    "ddp": ("2 ranks x 1 thread, vs DDP-gloo 2 x 1", "x", True, [8, 8, 4, 1.5, 1.2]),
    "keras": ("fit, whole epochs, vs Keras at its best backend", "x", True, [10, 10, 2.5, 1.3, 1.1]),
    "roofline": ("step over its own products alone", "", False, [1.6, 1.8, 1.3, 1.15, 1.08]),
    "contract": ("contract on over off, 1 rank x 1 thread", "", False, [1.15, 1.15, 1.10, 1.05, 1.05]),
    "scaling": ("2 ranks x 1 thread over 1 x 1, same batch", "x", True, [1.5, 1.4, 1.8, 1.9, 1.9]),
    "scaling_bound": ("two runs of 1 x 1 that share nothing, over one: what the cores allow", "x", True, None),
    "fetch": ("fetching uint8 samples, share of a step", "%", False, 3),
    "memory": ("memory of training over what it needs", "", False, 1.10),
    "launch": ("launch to first step, beyond MPI_Init", "s", False, 0.3),
    "safety": ("watching over a training, 2 ranks x 1 thread: with over without", "", False, None),
    "stream": ("epoch on streamed data, a quarter of it in buffers, over in memory", "", False, 1.10),
    "stream_packed": ("the same, compressed with any sample anywhere", "", False, None),
    "exchange": ("exchange vs MPI_Allreduce, 1 MiB and more", "x", True, 3),
    "exchange_small": ("exchange vs MPI_Allreduce, below 1 MiB", "x", True, 1),
}


def target(claim, case):
    goal = CLAIMS[claim][3]
    if not isinstance(goal, list):
        return goal
    return goal[NETS.index(case)] if case in NETS else None


def row(claim, case, stats, ours="", theirs="", **details):
    """stats: ratio, low and high. ours, theirs: what was compared, with its time."""
    goal = target(claim, case)
    value = stats["ratio"]
    met = None if goal is None else value >= goal if CLAIMS[claim][2] else value <= goal
    return {"claim": claim, "case": case, "value": value, "low": stats["low"], "high": stats["high"], "target": goal, "met": met,
            "ours": ours, "theirs": theirs, **details}
