#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockstep verify: agrees on any ranks x threads, and finds what was changed. Usage: verify.py MPIRUN LOCKSTEP ADD_WEIGHTS

Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import os
import random
import shutil
import subprocess

from cases import Case
from runs import TIMEOUT_S, Failure, Layout, checkpoints, compare, main


def verify(tools, out, layout, arguments=()):
    """Exit code and all that was printed."""
    words = ["verify", out, "--threads", str(layout.threads), "--set", "parallel.exchange=" + layout.exchange, *arguments]
    done = subprocess.run(tools.command(words, layout.ranks), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.returncode, done.stdout + done.stderr


def expect(tools, out, layout, arguments, code, *words):
    found, output = verify(tools, out, layout, arguments)
    if found != code or any(w not in output for w in words):
        raise Failure("verify %s on %s: exit code %d, expected %d with %s:\n%s" % (arguments, layout, found, code, words, output))


def flip(path, place, rng):
    with open(path, "r+b") as f:
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ (1 << rng.randrange(7))]))


def tampered(tools, config, out, copy, rng):
    """One bit of the certificate, of the model, or of the data set: each is found."""
    def fresh():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)

    layout = Layout.draw(rng)
    certificate = copy + "/certificate.json"
    fresh()
    flip(certificate, rng.randrange(os.path.getsize(certificate) - 2), rng)
    expect(tools, copy, layout, [], 1, "certificate")
    fresh()
    flip(copy + "/model.h5", os.path.getsize(copy + "/model.h5") // 2, rng)
    expect(tools, copy, layout, [], 1, "model.h5")
    fresh()
    with open(copy + "/config.yaml") as f:
        text = f.read()
    with open(copy + "/config.yaml", "w") as f:
        f.write(text.replace("\n  seed: ", "\n  seed: 1"))
    expect(tools, copy, layout, [], 1, "another seed")
    os.remove(certificate)
    expect(tools, copy, layout, [], 1, "certificate.json: no such file")


def one_case(tools, seed, folder):
    case, rng = Case(3000 + seed), random.Random("verify %d" % seed)
    config, out = folder + "/config.yaml", folder + "/run"
    with open(config, "w") as f:
        f.write(case.config(folder + "/data.h5"))
    tools.make_data(case, folder)
    settings = ["checkpoint.keep=2", "checkpoint.every_steps=%d" % rng.choice([0, 3]),
                "checkpoint.background=%s" % rng.choice(["true", "false"]), "checkpoint.verify=true"]
    expected = tools.train(config, out, Layout.draw(rng), settings)
    compare(tools.train(config, folder + "/again", Layout.draw(rng)), expected, "the same run, other ranks and checkpoints")

    layouts = [Layout.draw(rng) for _ in range(3)]
    expect(tools, out, layouts[0], [], 0, "verified: ")
    expect(tools, out, layouts[1], ["--from", str(case.fit.get("initial_epoch", 0) + 1)], 0, "verified: ", "from the beginning")
    before = sorted(os.listdir(out)), checkpoints(out)
    expect(tools, out, layouts[2], ["--to", str(case.fit.get("initial_epoch", 0) + 1)], 0, "verified: ")
    if (sorted(os.listdir(out)), checkpoints(out)) != before:
        raise Failure("verify changed the run folder")
    tampered(tools, config, out, folder + "/copy", rng)
    return ", ".join(map(str, layouts))


main(one_case, default_cases=2)
