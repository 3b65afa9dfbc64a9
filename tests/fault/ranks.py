#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ranks that are not alike: another config, other settings or other data on one of them, clocks apart; and two runs in one folder."""
import os
import shutil
import signal
import socket
import subprocess

from harness import (LOCKSTEP, Run, check, checkpoints, expect, main, make_data, newest_iteration, result, resumes, row, send, train)


def reference(folder, settings=()):
    config = make_data(folder)
    outcome = Run(train(config, folder + "/reference", settings), 1).end()
    check(outcome.code == 0, outcome.stderr)
    return config, result(folder + "/reference")


def wrapper(folder, text):
    """A program that starts lockstep, but `text` on rank 1 first."""
    path = folder + "/wrapper"
    with open(path, "w") as f:
        f.write('#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" != 1 ] || { %s; }\nexec %s "$@"\n' % (text, LOCKSTEP))
    os.chmod(path, 0o755)
    return [path]


def differing(folder):
    """One rank sees another folder: with another config, other data, or settings of its own."""
    config, expected = reference(folder)
    for name in ("a", "b"):
        os.mkdir(folder + "/" + name)
        shutil.copy(folder + "/data.h5", folder + "/" + name)
        with open(config) as f, open("%s/%s/config.yaml" % (folder, name), "w") as g:
            g.write(f.read().replace(folder + "/data.h5", "data.h5"))
    out, other = folder + "/run", folder + "/b/"
    arguments = train("config.yaml", out)
    inside = ["--wdir", folder + "/a"]
    at_b = wrapper(folder, "cd " + other)

    make_data(other, seed=2)
    with open(folder + "/a/config.yaml") as f:
        text = f.read()
    with open(other + "config.yaml", "w") as f:
        f.write(text.replace("epochs: 4", "epochs: 5"))
    outcome = Run(arguments, 3, program=at_b, mpirun=inside).end()
    expect("another config", outcome, "this rank has another config than rank 0: 'epochs: 5' instead of 'epochs: 4' (rank 1)", code=2)
    rows = [("another config on rank 1", outcome)]

    with open(other + "config.yaml", "w") as f:
        f.write(text)
    outcome = Run(arguments, 3, program=at_b, mpirun=inside).end()
    expect("other data", outcome, "the ranks differ in")
    check("rank 1 has" in outcome.message() and "data.h5" in outcome.message(), outcome.message())
    rows.append(("another data set on rank 1", outcome))

    os.remove(other + "config.yaml")
    shutil.copy(folder + "/a/data.h5", other + "data.h5")
    set_seed = wrapper(folder, 'set -- "$@" --set fit.seed=9')
    outcome = Run(arguments, 3, program=set_seed, mpirun=inside).end()
    expect("another --set", outcome, "'seed: 9' instead of 'seed: 0' (rank 1)", code=2)
    rows.append(("another --set on rank 1", outcome))
    check(not os.path.exists(out), "a refused run wrote something")

    for name in ("a/part-0.h5", "a/part-1.h5", "b/part-0.h5"):
        shutil.copy(folder + "/data.h5", folder + "/" + name)
    outcome = Run(train("config.yaml", out, ["data.train=part-?.h5"]), 3, program=wrapper(folder, "cd " + other), mpirun=inside).end()
    expect("fewer files", outcome, "part-1.h5: rank 0 on host %s sees this file of the data set, this rank does not (rank 1)" % socket.gethostname())
    rows.append(("rank 1 finds one file less of a pattern", outcome))
    check(not os.path.exists(out), "a refused run wrote something")

    # No config at all there: rank 0's counts. The recipe names the data by content, so the result is the reference's.
    outcome = Run(arguments, 3, program=wrapper(folder, "cd " + other), mpirun=inside).end()
    check(outcome.code == 0 and result(out) == expected, "a config that only rank 0 has: exit code %d\n%s" % (outcome.code, outcome.stderr))
    for what, refused in rows:
        row(what, refused, "-")


def clocks(folder):
    """A clock a day ahead that runs three times as fast, on the rank that decides about time and on another one."""
    longer = ["fit.epochs=40"]  # a thousand steps take far more than the millisecond between two checkpoints, wherever this runs
    config, expected = reference(folder, longer)
    settings = longer + ["checkpoint.every_steps=0", "checkpoint.every_seconds=0.001", "checkpoint.every_epochs=0"]
    for rank in (0, 1):
        out = "%s/clock%d" % (folder, rank)
        outcome = Run(train(config, out, settings), 3, fault="clock 86400 3", rank=rank).end()
        check(outcome.code == 0, "clock of rank %d: exit code %d\n%s" % (rank, outcome.code, outcome.stderr))
        check(checkpoints(out), "clock of rank %d: no checkpoint by the clock" % rank)
        check(result(out) == expected, "clock of rank %d: the result differs" % rank)
        row("clock of rank %d a day ahead, three times as fast" % rank, outcome, "equal")
        outcome = Run(train(config, out + "-past", longer + ["checkpoint.time_limit=1000"]), 3, fault="wall -36000 1", rank=rank).end()
        check(outcome.code == 0 and result(out + "-past") == expected, "exit code %d\n%s" % (outcome.code, outcome.stderr))
        row("time of day of rank %d ten hours back, with a time limit" % rank, outcome, "equal")


def slow_rank(folder):
    """A rank whose every step takes far longer than the others' is named, and nothing else changes."""
    config, _ = reference(folder)
    settings = ["fit.epochs=12", "checkpoint.every_steps=0"]
    outcome = Run(train(config, folder + "/undisturbed", settings), 1).end()
    expected = result(folder + "/undisturbed")
    outcome = Run(train(config, folder + "/run", settings), 3, fault="lag - 3", rank=1).end()
    check(outcome.code == 0, "exit code %d\n%s" % (outcome.code, outcome.stderr))
    named = [line.strip() for line in outcome.stderr.splitlines() if "rank 1 on host" in line and " is slow: " in line]
    check(named, "the slow rank is not named:\n" + outcome.stderr)
    check(outcome.stderr.count(" is slow: ") == len(named), "another rank is named:\n" + outcome.stderr)
    check(result(folder + "/run") == expected, "the result differs")
    print("rank 1 slowed, ten times and more | %s | 0 | - | equal" % named[0].replace("lockstep: warning: ", ""))


def absent(folder):
    """A rank that does not get through MPI_Init, where no call can be left: those that wait there end the run."""
    config, expected = reference(folder)
    settings = ["parallel.deadline_seconds=3"]
    outcome = Run(train(config, folder + "/run", settings), 3, fault="halt", rank=1).end()
    check(outcome.code == 76 and "gave up: the start of MPI (MPI_Init) has not ended for 3 s" in outcome.stderr,
          "exit code %d\n%s" % (outcome.code, outcome.stderr))
    row("a rank stopped in MPI_Init, deadline 3 s", outcome, resumes(config, folder + "/run", expected))


def folder_deleted(folder):
    """The folder of the checkpoints is deleted under a run: the next one makes it again."""
    config, expected = reference(folder, ["fit.epochs=40"])
    out = folder + "/run"
    settings = ["fit.epochs=40", "checkpoint.background=false"]
    run = Run(train(config, out, settings), 2, fault="slow ckpt- 15", rank=0)
    check(run.wait_for("a checkpoint", lambda: newest_iteration(out) > 0), "it ended early")
    shutil.rmtree(out + "/checkpoints", ignore_errors=True)
    outcome = run.end()
    check(outcome.code in (0, 1), "exit code %d\n%s" % (outcome.code, outcome.stderr))  # 1: it hit the one being written
    row("the folder of the checkpoints deleted under way", outcome, resumes(config, out, expected, settings))


def two_runs(folder):
    """The second is refused and leaves the first alone; what a killed one locked is free again."""
    config, out = make_data(folder), folder + "/run"
    first = Run(train(config, out, ["fit.epochs=1000000"]), 2)
    first.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    holder = "%s: in use by process " % out
    outcome = Run(train(config, out), 2).end()
    expect("the same folder", outcome, holder)
    check(outcome.message().endswith(" on " + socket.gethostname()), outcome.message())
    row("a second run in the folder", outcome, "-")
    if subprocess.run(["unshare", "--uts", "true"], check=False, capture_output=True).returncode == 0:
        elsewhere = ["sh", "-c", 'hostname elsewhere && exec "$0" "$@"', LOCKSTEP]
        outcome = Run(train(config, out), 1, program=["unshare", "--uts"] + elsewhere).end()
        expect("the same folder from another host", outcome, " on " + socket.gethostname())
    check(first.process.poll() is None, "the first run ended")
    killed = first.ranks()
    first.hit(killed[0], signal.SIGKILL)
    send(killed, signal.SIGKILL)
    first.end()
    epochs = newest_iteration(out) // 23 + 2
    settings = ["fit.epochs=%d" % epochs]
    check(Run(train(config, out + "-undisturbed", settings), 1).end().code == 0, "the undisturbed run fails")
    print("the folder of a killed run is free again | %s" % resumes(config, out, result(out + "-undisturbed"), settings))


def without_locks(folder):
    """A file system that cannot lock: a second run of this host is refused all the same, another host's cannot be seen, which is said."""
    config, out = make_data(folder), folder + "/run"
    fault = "flock .lock 0 ENOLCK"
    first = Run(train(config, out, ["fit.epochs=1000000"]), 2, fault=fault)
    first.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    outcome = Run(train(config, out), 2, fault=fault).end()
    expect("no locks", outcome, "%s: in use by process " % out)
    row("a second run in a folder without locks", outcome, "-")
    for pid in first.ranks():
        first.hit(pid, signal.SIGKILL)
    first.end()
    outcome = Run(train(config, out, ["fit.epochs=1"]), 2, fault=fault).end()
    check("has no locks" in outcome.stderr and "did not end by itself: process " in outcome.stderr, outcome.stderr)
    check("in use" not in outcome.stderr, outcome.stderr)


def end_of_mpi(folder):
    """A rank that does not come out of MPI_Finalize: all end by the deadline, and the finished run stays finished."""
    config, expected = reference(folder)
    out = folder + "/run"
    outcome = Run(train(config, out, ["parallel.deadline_seconds=3"]), 3, fault="finalize", rank=1).end()
    # Ranks that leave within MPI_Finalize may leave mpirun behind (Run.outlived), which is then ended as lockstep-run would.
    check(outcome.code in (76, 128 + signal.SIGKILL) and "the end of MPI (MPI_Finalize) has not ended for 3 s" in outcome.stderr,
          "exit code %d\n%s" % (outcome.code, outcome.stderr))
    check(os.path.exists(out + "/done") and result(out) == expected, "the run is not whole")
    row("a rank stays in MPI_Finalize, deadline 3 s", outcome, resumes(config, out, expected))


main(differing, clocks, slow_rank, absent, end_of_mpi, folder_deleted, two_runs, without_locks)
