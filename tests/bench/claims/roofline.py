# SPDX-License-Identifier: MIT
"""The step of one rank over its own matrix products alone, each by BLIS's best kernel set and threads for its shape."""
import statistics

import pairing
from claims.layouts import best_of
from roofline import Roofline
from row import row


def measure(bench, net):
    worker, layouts = best_of(bench, net, {(1, 1), (1, bench.cores)})
    products = Roofline(bench.tools, net, bench.cores, bench.probe_s / 8)
    try:
        ours, alone = pairing.turns([worker, products], bench.repeats, bench.seconds)
    finally:
        worker.close()
        products.close()
    phases = {name: worker.last[name] for name in ("forward", "loss", "backward", "exchange", "update", "fetch")}
    median = statistics.median(alone)
    return [row("roofline", net.name, pairing.ratio(ours, alone), ours=f"{worker.name[9:]}: {statistics.median(ours):.0f} us",
                theirs=f"{median:.0f} us, {net.flops() / median / 1e3:.0f} GFLOP/s", choice=products.describe(net),
                layouts=layouts, phases_us=phases, ours_us=ours, theirs_us=alone)]
