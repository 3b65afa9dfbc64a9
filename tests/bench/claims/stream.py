# SPDX-License-Identifier: MIT
"""An epoch on data that is streamed within a quarter of its size, over one in memory; the file is in the page cache for both."""
import os
import random
import re
import subprocess
import tempfile

import nets
from pairing import ratio
from row import row

# how it is stored, what is shuffled; blocks whose window fits the buffers
CASES = {
    "contiguous": ([], {}),
    "packed, blocks": (["--chunk-rows", "64", "--deflate", "4"], {"shuffle": "blocks", "shuffle_window": 4}),
    "packed, full": (["--chunk-rows", "64", "--deflate", "4"], {}),
}
TIGHT = ["contiguous", "packed, blocks"]  # the rest is unpacked many times over, as its shuffle demands


def npy(path, shape, values):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        out.write(values)


def make_arrays(folder, net, rows):
    """Bytes that deflate packs to about half, and labels."""
    rng = random.Random(1)
    npy(folder + "/x.npy", (rows, net.sizes[0]), rng.randbytes(rows * net.sizes[0]).translate(bytes(b & 15 for b in range(256))))
    npy(folder + "/y.npy", (rows,), bytes(rng.randrange(net.sizes[-1]) for _ in range(rows)))


def store(bench, folder, layout):
    subprocess.run([bench.tools.command(), "convert", "x.npy", "y.npy", "-o", "data.h5", "--scale", "1/255", *layout], cwd=folder,
                   stdout=subprocess.DEVNULL, check=True)


def write_config(net, folder, fit):
    lines = "".join(f"  {key}: {value}\n" for key, value in fit.items())
    with open(folder + "/net.yaml", "w", encoding="utf-8") as file:
        file.write("data: {train: data.h5}\n" + net.config().replace("verbose: 0", "verbose: 1") + lines + "checkpoint: {every_epochs: 0}\n")


def train(bench, folder, ranks, limit_mib):
    """Microseconds a sample in the training steps, waiting for data included; and how it says it reads."""
    command = bench.tools.mpirun(ranks) if ranks > 1 else []
    done = subprocess.run([*command, bench.tools.command(), "train", "net.yaml", "--threads", "1", "--resume", "never", "--out", "run",
                           "--set", f"data.memory_limit_mib={limit_mib}"], cwd=folder, capture_output=True, text=True,
                          env=bench.tools.environment(1), check=False)
    speed = re.search(r"\((\d+) samples/s\)", done.stdout + done.stderr)
    if done.returncode != 0 or not speed:
        raise SystemExit(f"lockstep train: {done.stderr.strip()}")
    reads = re.search(r"each read about ([\d.]+) times", done.stdout + done.stderr)
    return 1e6 / int(speed.group(1)), reads.group(1) if reads else ""


def one(bench, net, folder, case, ranks, rows):
    layout, fit = CASES[case]
    store(bench, folder, layout)
    write_config(net, folder, {"epochs": 1 if bench.smoke else 3, **fit})
    limit = max(1, rows * net.sizes[0] // 4 >> 20)
    held, streamed, reads = [], [], ""
    for _ in range(min(bench.repeats, 3)):  # each takes seconds
        held.append(train(bench, folder, ranks, 4096)[0])
        us, reads = train(bench, folder, ranks, limit)
        streamed.append(us)
    found = row("stream" if case in TIGHT else "stream_packed", f"{net.name} x{ranks}", ratio(streamed, held),
                ours=f"{case}: {sorted(streamed)[len(streamed) // 2]:.2f} us a sample", theirs=f"in memory {sorted(held)[len(held) // 2]:.2f} us")
    found["ours"] += f", each chunk read {reads} times" if reads else ""
    return found


def measure(bench):
    rows = 3000 if bench.smoke else 60000
    found = []
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        for net in nets.load(["basic"] if bench.smoke else ["basic", "medium"]):
            make_arrays(folder, net, rows)
            for case in ["contiguous", "packed, blocks"] if bench.smoke else CASES:
                for ranks in [1] if bench.smoke else [1, 2]:
                    found.append(one(bench, net, folder, case, ranks, rows))
    return sorted(found, key=lambda r: r["claim"])
