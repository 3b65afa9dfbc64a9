# SPDX-License-Identifier: MIT
"""Resident memory that training adds (peak, less what there was before the model), over what it cannot do without."""
from row import row
from workers import Ours


def measure(bench, net):
    worker = Ours(bench.tools, net, 1, 1, dtype="uint8")
    try:
        worker.run(min(bench.seconds, 0.2))
    finally:
        worker.close()
    used = (worker.last["peak_kib"] - worker.last["base_kib"]) * 1024
    needed = net.memory_bytes(input_bytes=4)
    ratio = used / needed
    return [row("memory", net.name, {"ratio": ratio, "low": ratio, "high": ratio}, ours=f"{used / 2**20:.1f} MiB",
                theirs=f"{needed / 2**20:.1f} MiB", process_mib=worker.last["peak_kib"] / 1024)]
