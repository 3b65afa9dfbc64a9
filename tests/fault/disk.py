#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk that is full, read-only or failing while a checkpoint, the model, the history or the config is written, and checkpoints cut
anywhere in their writing. The run ends with one message, and what was there before is untouched and goes on to the same bits."""
import os
import random
import subprocess

from harness import (LOCKSTEP, SHIM, Run, check, checkpoints, expect, first_seed, main, make_data, n_cases, newest_iteration, plain,
                     result, resumes, row, train, whole)


# Written within the step, each checkpoint is where the case says; beside it, those that fall due meanwhile come later.
EACH = ["checkpoint.background=false"]


def reference(folder):
    config = make_data(folder)
    outcome = Run(train(config, folder + "/reference", ["checkpoint.keep=100"]), 1).end()
    check(outcome.code == 0, outcome.stderr)
    return config, result(folder + "/reference")


def failing_writes(folder):
    """Each file of the run folder, each kind of error, on the rank that writes; one after another in one run."""
    config, expected = reference(folder)
    out = folder + "/run"
    cases = [("config.yaml", "ENOSPC", 0, "config.yaml: cannot write: No space left on device"),
             ("ckpt-000000000014", "ENOSPC", 3000, "ckpt-000000000014.h5: cannot write: No space left on device"),
             ("ckpt-000000000014", "EDQUOT", 0, "ckpt-000000000014.h5: cannot write: Disk quota exceeded"),
             ("ckpt-000000000021", "EIO", 9000, "ckpt-000000000021.h5: cannot write: Input/output error"),
             ("history.csv", "ENOSPC", 10, "history.csv: cannot write: No space left on device"),
             ("certificate.json", "EIO", 100, "certificate.json: cannot write: Input/output error"),
             ("model.h5", "ENOSPC", 5000, "model.h5: cannot write: No space left on device"),
             ("run/.done", "ENOSPC", 5, "done: cannot write: No space left on device")]
    ends = []
    for file, error, after, words in cases:
        outcome = Run(train(config, out, EACH), 2, fault="write %s %d %s" % (file, after, error), rank=0).end()
        expect(file, outcome, words)
        whole(out)
        check(not os.path.exists(out + "/done"), "the run is marked as done after a failure")
        ends.append(("%s after %d bytes of %s" % (error, after, file), outcome))
    equal = resumes(config, out, expected)
    for what, outcome in ends:
        row(what, outcome, equal)


def beside_training(folder):
    """The disk fills up under a checkpoint that is written while the training goes on."""
    config, expected = reference(folder)
    out = folder + "/run"
    outcome = Run(train(config, out, ["checkpoint.background=true"]), 2, fault="write ckpt- 30000 ENOSPC", rank=0).end()
    expect("background", outcome, "cannot write: No space left on device")
    whole(out)
    row("disk full under a checkpoint written in the background", outcome, resumes(config, out, expected))


def several_writers(folder):
    """The same under another rank than the first, when several write a part of the checkpoint each; and one that is killed there."""
    config, expected = reference(folder)
    for background in ("true", "false"):
        for fault, code in (("write ckpt- 500 ENOSPC", 1), ("kill ckpt- 500", 137)):
            out = "%s/run-%s-%d" % (folder, background, code)
            settings = ["checkpoint.writers=3", "checkpoint.background=" + background]
            outcome = Run(train(config, out, settings), 3, fault=fault, rank=1).end()
            if code == 1:
                expect("rank 1 of 3 writers", outcome, "cannot write: No space left on device")
            check(outcome.code == code, "%s: exit code %d\n%s" % (fault, outcome.code, outcome.stderr))
            equal = resumes(config, out, expected)
            whole(out)
            row("%s on rank 1 of 3 that write" % fault, outcome, equal)


def outputs(folder):
    """What the other verbs write: an error is said, the file of before is untouched, and nothing is left beside it."""
    config, _ = reference(folder)
    model, data = folder + "/reference/model.h5", folder + "/data.h5"
    os.mkdir(folder + "/out")
    plain(["predict", model, data, "--out", folder + "/p.csv"])
    verbs = {"p.csv": ["predict", model, data, "--out"], "p.npy": ["predict", model, data, "--out"],
             "p.h5": ["predict", model, data, "--out"], "d.h5": ["convert", folder + "/p.csv", "--no-y", "--out"], "m.keras": ["export", model],
             "m.onnx": ["export", model], "m.weights.h5": ["export", model],
             "t.json": ["train", config, "--out", folder + "/again", "--resume", "never", "--timeline"]}
    for name, verb in verbs.items():
        path = folder + "/out/" + name
        full = "File too large" if name in ("p.csv", "p.npy") else "No space left on device"
        for fault, words in (("write %s 100 ENOSPC" % name, full), ("fsync " + name, "Input/output error")):
            with open(path, "w") as f:
                f.write("old")
            done = subprocess.run([LOCKSTEP, *verb, path], capture_output=True, text=True, check=False,
                                  env=dict(os.environ, LD_PRELOAD=SHIM, LS_FAULT=fault))
            what = "%s, %s: " % (name, fault)
            code = 0 if name == "t.json" else 1  # a training is worth more than its timeline: a warning
            check(done.returncode == code and words in done.stderr and path in done.stderr, "%sexit code %d\n%s" % (what, done.returncode, done.stderr))
            with open(path) as f:
                check(f.read() == "old", what + "the old file is gone")
            check(os.listdir(folder + "/out") == [name], "%sleft behind: %s" % (what, os.listdir(folder + "/out")))
        os.remove(path)
    for arguments in (["predict", model, data], ["inspect", data], ["summary", config]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([LOCKSTEP, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
        check(done.returncode == 1, "%s to a full disk: exit code %d" % (arguments[0], done.returncode))
    print("disk full or failing under the files of predict, convert, export, --timeline | FILE: cannot write: ... | 1 | - | -")


def failing_sync(folder):
    """A disk that takes the bytes and fails when they are to be safe."""
    config, expected = reference(folder)
    outcome = Run(train(config, folder + "/run"), 2, fault="fsync ckpt-", rank=0).end()
    expect("fsync", outcome, "cannot sync: Input/output error")
    whole(folder + "/run")
    row("EIO at fsync of a checkpoint", outcome, resumes(config, folder + "/run", expected))


def cut_writes(folder):
    """Killed within the write of a checkpoint, after any number of its bytes: the one before is used."""
    config, expected = reference(folder)
    out, rng = folder + "/run", random.Random("cut %d" % first_seed())
    kept = folder + "/reference/checkpoints/"
    size = min(os.path.getsize(kept + name) for name in checkpoints(folder + "/reference"))
    cuts = [0, 1, size - 1] + [rng.randrange(size) for _ in range(n_cases(3))]
    slowest = None
    for cut in cuts:
        before = newest_iteration(out)
        if before >= 84:  # the run is nearly over: once more from the beginning
            resumes(config, out, expected)
            subprocess.run(["rm", "-rf", out], check=True)
            before = -1
        file = "ckpt-%012d" % (7 if before < 0 else before // 7 * 7 + 14)
        outcome = Run(train(config, out, EACH), 2, fault="kill %s %d" % (file, cut), rank=0).end()
        check(outcome.code == 137 and newest_iteration(out) >= before, "killed after %d bytes: exit code %d, checkpoints %s" % (
            cut, outcome.code, checkpoints(out)))
        if slowest is None or outcome.seconds > slowest.seconds:
            slowest = outcome
    row("killed within the write of a checkpoint (%d places of %d bytes)" % (len(cuts), size), slowest, resumes(config, out, expected))
    whole(out)


def mounted(kind, options, folder):
    os.makedirs(folder, exist_ok=True)
    return subprocess.run(["mount", "-t", kind, "-o", options, "lockstep-fault", folder], check=False, capture_output=True).returncode == 0


def slow_disk(folder):
    """A rank that writes is not lost, however long that takes; one whose disk does not answer any more is."""
    config, expected = reference(folder)
    quick = ["parallel.deadline_seconds=0.7", "checkpoint.keep=100"]
    for file, settings in (("model.h5", []), ("ckpt-000000000014", ["checkpoint.background=true"]), ("ckpt-000000000014", EACH)):
        out = "%s/slow-%s%d" % (folder, file[:5], len(settings and settings[0]))
        outcome = Run(train(config, out, quick + settings), 3, fault="slow %s 2500" % file, rank=0).end()
        check(outcome.code == 0, "%s %s: exit code %d\n%s" % (file, settings, outcome.code, outcome.stderr))
        row("a write of 2.5 s, deadline 0.7 s (%s)" % " ".join([file, *settings]), outcome, result(out) == expected)
    quick[0] = "parallel.deadline_seconds=0.3"
    outcome = Run(train(config, folder + "/never", quick), 3, fault="slow model.h5 600000", rank=0).end()
    check(outcome.code == 76 and "the writing of a file has not ended for " in outcome.stderr, "%d\n%s" % (outcome.code, outcome.stderr))
    row("a write that does not end, deadline 0.3 s", outcome, resumes(config, folder + "/never", expected))


def small_disk(folder):
    """A real file system that fills up: room for the folder and a few checkpoints."""
    config, expected = reference(folder)
    disk = folder + "/disk"
    if not mounted("tmpfs", "size=64k", disk):
        print("a full file system: skipped, cannot mount one here")
        return
    try:
        outcome = Run(train(config, disk + "/run"), 2).end()
        expect("full tmpfs", outcome, "No space left on device")
        whole(disk + "/run")
        check(newest_iteration(disk + "/run") >= 7, "no checkpoint before the disk was full")
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        row("file system of 64 KiB full", outcome, resumes(config, disk + "/run", expected))
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def read_only(folder):
    """A file system that turns read-only under a run, and one that is from the beginning."""
    config, expected = reference(folder)
    disk, out = folder + "/disk", folder + "/disk/run"
    if not mounted("tmpfs", "size=8m", disk):
        print("a read-only file system: skipped, cannot mount one here")
        return
    try:
        # A mount with a file open for writing, as the run's lock is, cannot be made read-only from here; the kernel does so after errors.
        outcome = Run(train(config, out), 2, fault="open ckpt- 2 EROFS", rank=0).end()
        expect("read-only under way", outcome, "Read-only file system")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        again = Run(train(config, out), 2).end()
        expect("read-only from the start", again, "Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        equal = resumes(config, out, expected)
        row("read-only under way", outcome, equal)
        row("read-only from the start", again, equal)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


main(failing_writes, beside_training, several_writers, outputs, failing_sync, cut_writes, slow_disk, small_disk, read_only)
