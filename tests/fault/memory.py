#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory that runs out on one rank: any allocation of the library's own, any of the whole process, and a limit on its address space.
LS_FAULT_CASES allocations of each kind (default 3)."""
import os
import random
import resource

from harness import LOCKSTEP, Run, check, first_seed, main, make_data, n_cases, newest_iteration, result, resumes, row, train, whole


def reference(folder, settings=()):
    config = make_data(folder)
    outcome = Run(train(config, folder + "/reference", settings), 1).end()
    check(outcome.code == 0, outcome.stderr)
    return config, result(folder + "/reference")


def own_allocations(folder):
    """The library says so, once, whichever allocation it was and on whichever rank; what it has saved goes on to the same bits."""
    config, expected = reference(folder)
    rng = random.Random("memory %d" % first_seed())
    ends = []
    for case in range(n_cases(3)):
        number, rank, out = int(10 ** rng.uniform(0, 3.2)), rng.choice([0, 1]), "%s/%d" % (folder, case)
        outcome = Run(train(config, out), 2, fault="malloc %d" % number, rank=rank).end()
        what = "allocation %d of the library fails on rank %d" % (number, rank)
        if outcome.code == 0:  # there were fewer, or it could do without
            check(result(out) == expected, what + ": another result")
            continue
        check(outcome.code in (1, 2) and len(outcome.errors) == 1, "%s: exit code %d\n%s" % (what, outcome.code, outcome.stderr))
        text = outcome.message().lower()
        check("alloc" in text or "memory" in text, "%s: no word of memory in %s" % (what, text))
        if os.path.isdir(out):
            whole(out)
        ends.append((what, outcome, resumes(config, out, expected, ranks=2)))
    for end in ends:
        row(*end)


def any_allocation(folder):
    """MPI, HDF5 and the C library may end as they like; nothing hangs, and nothing is lost."""
    config, expected = reference(folder)
    rng = random.Random("any memory %d" % first_seed())
    for case in range(n_cases(3)):
        number, rank, out = int(10 ** rng.uniform(2, 5.3)), rng.choice([0, 1]), "%s/%d" % (folder, case)
        outcome = Run(train(config, out), 2, fault="malloc-all %d" % number, rank=rank).end()
        if outcome.code == 0:
            check(result(out) == expected, "allocation %d: another result" % number)
            continue
        row("allocation %d of any library fails on rank %d" % (number, rank), outcome, resumes(config, out, expected, ranks=2))


def address_space(folder):
    """A limit as batch systems set it, on rank 1, that a large model does not fit."""
    config = make_data(folder)
    out, path = folder + "/run", folder + "/limited"
    with open(config) as f:
        text = f.read()
    with open(config, "w") as f:
        f.write(text.replace("    - Dense: {units: 1}", "    - Dense: {units: 6000}\n    - Dense: {units: 1}"))
    with open(path, "w") as f:
        f.write('#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" != 1 ] || ulimit -v 1000000\nexec %s "$@"\n' % LOCKSTEP)
    os.chmod(path, 0o755)
    outcome = Run(train(config, out, ["model.layers[0].units=6000"]), 2, program=[path]).end()
    check(outcome.code == 1 and len(outcome.errors) == 1 and "(rank 1)" in outcome.message() and "cannot allocate" in outcome.message(),
          "exit code %d\n%s" % (outcome.code, outcome.stderr))
    row("a limit of 1 GB of address space on rank 1", outcome, "-")


def under_way(folder):
    """Not a byte more for one rank from some step on: it does with what it has, or says so; HDF5, which would crash, is not asked."""
    settings = ["fit.epochs=100"]
    config, expected = reference(folder, settings)
    for rank in (0, 1):
        out = "%s/%d" % (folder, rank)
        run = Run(train(config, out, settings), 2)
        check(run.wait_for("a checkpoint", lambda: newest_iteration(out) > 0), "it ended early")
        pid = sorted(run.ranks())[rank]
        with open("/proc/%d/status" % pid) as f:
            size = [int(line.split()[1]) for line in f if line.startswith("VmSize")][0] << 10
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
        resource.prlimit(pid, resource.RLIMIT_DATA, (1 << 20, 1 << 20))
        outcome = run.end()
        check(outcome.code == 0 or (outcome.code == 1 and len(outcome.errors) == 1 and "cannot allocate" in outcome.message()),
              "rank %d: exit code %d\n%s" % (rank, outcome.code, outcome.stderr))
        whole(out)
        row("no more memory for rank %d under way" % rank, outcome, resumes(config, out, expected, settings))


main(own_allocations, any_allocation, address_space, under_way)
