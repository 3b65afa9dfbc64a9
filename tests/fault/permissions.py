#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What one rank, or all, may not read or write. Ranks are root without the right to pass over permissions, and what is not theirs belongs to
somebody else."""
import os
import shutil
import subprocess
import sys

from harness import LOCKSTEP, SKIPPED, Run, check, expect, main, make_data, newest_iteration, result, resumes, row, train, whole

NOBODY = 65534
AS_OTHERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def plain_root(folder, rank=None):
    """A program that starts lockstep as a user whom permissions bind, on one rank or on all."""
    path, others = "%s/bound-%s" % (folder, rank), "" if rank is None else '[ "$OMPI_COMM_WORLD_RANK" = %d ] || exec %s "$@"\n' % (rank, LOCKSTEP)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n%sexec %s %s \"$@\"\n" % (others, " ".join(AS_OTHERS), LOCKSTEP))
    os.chmod(path, 0o755)
    return [path]


def of_others(path, mode):
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, mode)


def data(folder):
    """One rank may not look into the folder of a pattern, or not read one of its files."""
    config, parts = make_data(folder), folder + "/parts"
    os.mkdir(parts)
    for name in "ab":
        shutil.copy(folder + "/data.h5", "%s/%s.h5" % (parts, name))
    settings, bound = ["data.train=%s/*.h5" % parts], {rank: plain_root(folder, rank) for rank in (0, 1)}
    of_others(parts, 0o700)
    for rank in bound:
        outcome = Run(train(config, folder + "/run", settings), 3, program=bound[rank]).end()
        expect("folder", outcome, "/parts: the folder cannot be read: Permission denied" + (" (rank 1)" if rank else ""))
        row("rank %d may not read the folder of a pattern" % rank, outcome, "nothing written")
    os.chmod(parts, 0o755)
    of_others(parts + "/b.h5", 0o600)
    outcome = Run(train(config, folder + "/run", settings), 3, program=bound[1]).end()
    expect("file", outcome, "b.h5: Permission denied (rank 1)")
    row("rank 1 may not read one file of a pattern", outcome, "nothing written")


def run_folder(folder):
    """Of somebody else for one rank that would write a part of each checkpoint; read-only from the start; and from some step on."""
    settings, config, out = ["fit.epochs=40"], make_data(folder), folder + "/run"
    check(Run(train(config, folder + "/reference", settings), 1).end().code == 0, "the undisturbed run fails")
    expected, bound = result(folder + "/reference"), plain_root(folder)
    os.mkdir(out)
    of_others(out, 0o755)
    outcome = Run(train(config, out, settings + ["checkpoint.writers=3"]), 3, program=plain_root(folder, 1)).end()
    check(outcome.code == 0 and result(out) == expected, "exit code %d\n%s" % (outcome.code, outcome.stderr))
    row("rank 1 may not write to the run folder, 3 writers", outcome, "equal")
    outcome = Run(train(config, out, settings), 2, program=bound).end()
    expect("read-only", outcome, "Permission denied")
    row("no rank may write to the run folder", outcome, "nothing written")
    shutil.rmtree(out)
    run = Run(train(config, out, settings + ["checkpoint.background=false"]), 2, program=bound)
    check(run.wait_for("a checkpoint", lambda: newest_iteration(out) > 0), "it ended early")
    os.chmod(out + "/checkpoints", 0o555)
    outcome = run.end()
    expect("under way", outcome, "cannot create a temporary file in the same folder: Permission denied")
    os.chmod(out + "/checkpoints", 0o755)
    whole(out)
    row("no more writing to the folder of the checkpoints, under way", outcome, resumes(config, out, expected, settings))


if os.geteuid() != 0 or not shutil.which("setpriv") or subprocess.run([*AS_OTHERS, "true"], check=False).returncode != 0:
    print("SKIPPED: needs root and setpriv")
    sys.exit(SKIPPED)
main(data, run_folder)
