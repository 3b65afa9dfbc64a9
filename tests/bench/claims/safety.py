# SPDX-License-Identifier: MIT
"""What watching over a training costs: a step with it over the same step without, on two ranks. Checkpoints are asked for after every
step, so that one is always being written: the most they can cost, on cores that all compute. And now and then: what each takes from
the training."""
import statistics

import pairing
from row import row
from workers import Ours

APART = "checkpoints apart"
# What is compared, the settings that switch it on, and whether it needs a run folder.
WATCHES = [
    ("values looked at", ["fit.on_nonfinite=stop"], False),
    ("ranks compared every 100 steps", ["parallel.check_every_steps=100"], False),
    ("ranks compared every step", ["parallel.check_every_steps=1"], False),
    ("optimizer sharded", ["parallel.shard_optimizer=true"], False),
    ("checkpoints without a pause", ["checkpoint.every_steps=1"], True),
    (APART, [], True),
]
PLAIN = ["checkpoint.every_epochs=0", "parallel.check_every_steps=0", "fit.on_nonfinite=ignore"]
LONGEST_GROUP = 2000  # steps of samples in memory


def group(bench, net):
    """An epoch that takes a while, since its end writes a line of history to the disk."""
    return max(net.group_steps(), min(LONGEST_GROUP, int(bench.seconds * 5e10 / net.flops())))


def spacing(bench, net):
    """Steps from one checkpoint to the next: enough for the first to be on disk."""
    return max(4, group(bench, net) // 10)


def measure(bench, net):
    rows = []
    for what, settings, in_folder in WATCHES:
        if what == APART:
            settings = ["checkpoint.every_steps=%d" % spacing(bench, net)]
        without = Ours(bench.tools, net, 2, 1, dtype="uint8", sets=PLAIN, steps=group(bench, net), in_folder=in_folder)
        watched = Ours(bench.tools, net, 2, 1, dtype="uint8", sets=PLAIN + settings, steps=group(bench, net), in_folder=in_folder)
        try:
            on, off = pairing.turns([watched, without], bench.repeats, bench.seconds)
        finally:
            watched.close()
            without.close()
        each = ""
        if what == APART:
            each = f", {statistics.median(a - b for a, b in zip(on, off)) * spacing(bench, net) / 1000:.1f} ms for each"
        rows.append(row("safety", f"{net.name}, {what}", pairing.ratio(on, off), ours=f"with: {statistics.median(on):.0f} us{each}",
                        theirs=f"without: {statistics.median(off):.0f} us", ours_us=on, theirs_us=off))
    return rows
