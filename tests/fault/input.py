#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A data set that cannot be read any more: I/O errors at one rank while it is opened, and while it is streamed."""
import random
import struct

from harness import Run, check, expect, main, make_data, plain, result, resumes, row, train

ROWS = 50000
STREAMED = ["data.memory_limit_mib=1", "fit.batch_size=256", "fit.epochs=2"]


def npy(path, shape, values):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (shape,)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<%df" % len(values), *values))


def make_large(folder):
    """More than the MiB that is held in memory, so that it is streamed."""
    rng, config = random.Random(3), make_data(folder)
    npy(folder + "/x.npy", (ROWS, 6), [rng.random() for _ in range(6 * ROWS)])
    npy(folder + "/y.npy", (ROWS, 1), [rng.random() for _ in range(ROWS)])
    plain(["convert", folder + "/x.npy", folder + "/y.npy", "--out", folder + "/data.h5"])
    outcome = Run(train(config, folder + "/reference", STREAMED), 1).end()
    check(outcome.code == 0, outcome.stderr)
    return config, result(folder + "/reference")


def in_memory(folder):
    config, out = make_data(folder), folder + "/run"
    check(Run(train(config, folder + "/reference"), 1).end().code == 0, "the undisturbed run fails")
    outcome = Run(train(config, out), 3, fault="read data.h5 1", rank=1).end()
    expect("EIO when opened", outcome, "Input/output error (rank 1)")
    row("EIO reading the data set on rank 1, when opened", outcome, resumes(config, out, result(folder + "/reference")))


def streamed(folder):
    config, expected = make_large(folder)
    out = folder + "/run"
    outcome = Run(train(config, out, STREAMED), 3, fault="read data.h5 250", rank=1).end()
    expect("EIO when streamed", outcome, "Input/output error (rank 1)")
    rows = [("EIO reading the data set on rank 1, within training", outcome)]
    equal = resumes(config, out, expected, STREAMED)
    for what, end in rows:
        row(what, end, equal)


main(in_memory, streamed)
