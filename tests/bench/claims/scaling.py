# SPDX-License-Identifier: MIT
"""Two ranks of one thread beside one of one thread, the same global batch."""
import statistics

import pairing
from row import row
from workers import Ours


def measure(bench, net):
    one, two = Ours(bench.tools, net, 1, 1), Ours(bench.tools, net, 2, 1)
    try:
        alone, both = pairing.turns([one, two], bench.repeats, bench.seconds)
    finally:
        one.close()
        two.close()
    return [row("scaling", net.name, pairing.ratio(alone, both), ours=f"2x1: {statistics.median(both):.0f} us",
                theirs=f"1x1: {statistics.median(alone):.0f} us", ours_us=both, theirs_us=alone)]
