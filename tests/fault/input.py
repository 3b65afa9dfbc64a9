#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A data set that cannot be read any more: I/O errors at one rank while it is opened, and while it is streamed; a file that is cut
under a running training; a chunk that is damaged."""
import os
import random
import re
import shutil
import struct

from harness import Run, check, expect, main, make_data, newest_iteration, plain, result, resumes, row, train

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
    outcome = Run(train(config, out), 3, fault="read data.h5 1", rank=0).end()
    expect("EIO when opened", outcome, "Input/output error")
    row("EIO reading the data set on rank 0, when opened", outcome, resumes(config, out, result(folder + "/reference")))


def streamed(folder):
    config, expected = make_large(folder)
    out = folder + "/run"
    outcome = Run(train(config, out, STREAMED), 3, fault="read data.h5 250", rank=1).end()
    expect("EIO when streamed", outcome, "Input/output error (rank 1)")
    rows = [("EIO reading the data set on rank 1, within training", outcome)]
    equal = resumes(config, out, expected, STREAMED)
    for what, end in rows:
        row(what, end, equal)


LONG = ["data.memory_limit_mib=1", "fit.batch_size=1024", "fit.epochs=60"]
WITHIN_TRAINING = 400  # reads of a rank before that are of opening
LAYOUTS = {"contiguous": [], "in chunks": ["--chunk-rows", "512"], "compressed": ["--chunk-rows", "512", "--deflate", "1"]}


def store(folder, layout):
    plain(["convert", folder + "/x.npy", folder + "/y.npy", "--out", folder + "/data.h5", *LAYOUTS[layout]])


def cut(folder):
    """The same data in any layout gives the same digest; what is cut is put back before the run goes on."""
    config, _ = make_large(folder)
    check(Run(train(config, folder + "/long", LONG), 2).end().code == 0, "the undisturbed run fails")
    expected, path = result(folder + "/long"), folder + "/data.h5"
    for layout in LAYOUTS:
        store(folder, layout)
        shutil.copyfile(path, path + ".kept")
        out = "%s/%s" % (folder, layout.replace(" ", "-"))
        run = Run(train(config, out, LONG), 2)
        begun = run.wait_for("a checkpoint", lambda: newest_iteration(out) >= 14)
        os.truncate(path, os.path.getsize(path) // 3)
        outcome = run.end()
        check(begun, "the run was over before its data was cut")
        expect("data cut, " + layout, outcome, "data.h5: dataset 'x', rows ")
        expect("data cut, " + layout, outcome, ": the file has become shorter")  # (rank 1), or rank 0 was first
        os.replace(path + ".kept", path)
        row("data set (%s) cut while it is streamed" % layout, outcome, resumes(config, out, expected, LONG, 3))


def one_slow_read(config, folder, layout, reads_before, milliseconds, seconds, settings, rank=1):
    """On one rank of 3, one read that takes longer than the deadline. `seconds`: what that is."""
    store(folder, layout)
    shutil.rmtree(folder + "/slow", ignore_errors=True)
    outcome = Run(train(config, folder + "/slow", [*settings, "parallel.deadline_seconds=%g" % seconds]), 3,
               fault="slow-read data.h5 %d %d 1" % (milliseconds, reads_before), rank=rank).end()
    check("shim: a slow read" in outcome.stderr, "read %d was not reached" % reads_before)
    return outcome


def slow(folder):
    """A rank that waits for its disk is not lost, at the beginning or within training; one whose disk does not answer any more is."""
    config, _ = make_large(folder)
    settings = ["data.memory_limit_mib=1", "fit.batch_size=1024", "fit.epochs=1"]
    check(Run(train(config, folder + "/quick", settings), 2).end().code == 0, "the undisturbed run fails")
    for layout, reads_before in (("contiguous", 5), ("contiguous", WITHIN_TRAINING), ("compressed", 20)):
        outcome = one_slow_read(config, folder, layout, reads_before, 3000, 1, settings)
        check(outcome.code == 0, "read %d, %s: exit code %d\n%s" % (reads_before, layout, outcome.code, outcome.stderr))
        row("a read of 3 s, deadline 1 s (%s, read %d)" % (layout, reads_before), outcome, result(folder + "/slow") == result(folder + "/quick"))
    settings = ["data.memory_limit_mib=64", *settings[1:]]
    outcome = one_slow_read(config, folder, "contiguous", 5, 3000, 1, settings, rank=0)
    check(outcome.code == 0 and result(folder + "/slow") == result(folder + "/quick"), "in memory: %d\n%s" % (outcome.code, outcome.stderr))
    outcome = one_slow_read(config, folder, "contiguous", 5, 600000, 0.5, settings, rank=0)
    check(outcome.code == 76 and "a read of its data has not ended for " in outcome.stderr, "%d\n%s" % (outcome.code, outcome.stderr))
    row("a read that does not end, deadline 0.5 s", outcome, "nothing written")


def only_its_rows(folder):
    """All ranks together read hardly more than one alone: opening is shared out, and each reads its own rows."""
    config, rows, width = make_data(folder), 1000, 1100
    rng = random.Random(4)
    npy(folder + "/x.npy", (rows, width), [rng.random() for _ in range(rows * width)])
    npy(folder + "/y.npy", (rows, 1), [rng.random() for _ in range(rows)])
    with open(config) as f:
        text = f.read().replace("input_shape: 6", "input_shape: %d" % width)
    with open(config, "w") as f:
        f.write(text)
    for layout in ([], ["--chunk-rows", "10", "--deflate", "1"]):
        plain(["convert", folder + "/x.npy", folder + "/y.npy", "--out", folder + "/data.h5", *layout])
        read = {}
        for ranks in (1, 2, 4):
            run = Run(train(config, folder + "/run", ["data.memory_limit_mib=3", "fit.epochs=2", "fit.shuffle=false"]), ranks,
                      fault="count data.h5").end()
            counts = [int(n) for n in re.findall(r"shim: (\d+) bytes read", run.stderr)]
            check(run.code == 0 and len(counts) == ranks, "%d ranks: %s" % (ranks, run.stderr))
            read[ranks] = sum(counts)
            shutil.rmtree(folder + "/run")
        print("bytes read by all ranks (%s): %s" % (" ".join(layout) or "contiguous", read))
        check(read[1] >= 4 * rows * width, "that is too little: %s" % read)
        # how far ahead was read when the training ended differs
        check(read[2] < 1.25 * read[1] and read[4] < 1.25 * read[1], "more ranks read more: %s" % read)


def spoil(path):
    """One byte in the middle of the file, which is among the values of x."""
    with open(path, "r+b") as data:
        data.seek(os.path.getsize(path) // 2)
        byte = data.read(1)[0]
        data.seek(-1, os.SEEK_CUR)
        data.write(bytes([byte ^ 0x10]))


def damaged(folder):
    """A checksum, or what compression leaves of one, tells; so does opening, if that reads the chunk."""
    config, _ = make_large(folder)
    for layout, words in (("in chunks", "the checksum (fletcher32) does not fit"), ("compressed", "damaged: ")):
        store(folder, layout)
        spoil(folder + "/data.h5")
        for held, settings in (("in memory", STREAMED[1:]), ("streamed", STREAMED)):
            outcome = Run(train(config, folder + "/run", settings), 2).end()
            expect("damaged chunk, " + held, outcome, "data.h5: dataset 'x', rows ")
            expect("damaged chunk, " + held, outcome, words)
            row("data set (%s, %s) with a damaged chunk" % (layout, held), outcome, "nothing written")


main(in_memory, streamed, cut, damaged, slow, only_its_rows)
