#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lockstep verify: agrees on any ranks x threads, and finds what was changed. Usage: verify.py MPIRUN LOCKSTEP ADD_WEIGHTS

Environment: LS_PROPERTY_CASES, LS_PROPERTY_SEED.
"""
import json
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
    """One bit of the certificate, of the model, of the history or of the mark, or another config: each is found."""
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
    for file in ("history.csv", "done"):
        fresh()
        flip(copy + "/" + file, rng.randrange(os.path.getsize(copy + "/" + file)), rng)
        expect(tools, copy, layout, [], 1, file + ": is ")
    fresh()
    with open(copy + "/config.yaml") as f:
        text = f.read()
    with open(copy + "/config.yaml", "w") as f:
        f.write(text.replace("\n  seed: ", "\n  seed: 1"))
    expect(tools, copy, layout, [], 1, "another seed")
    os.remove(certificate)
    expect(tools, copy, layout, [], 1, "certificate.json: no such file")


def forged(tools, out, copy):
    """Each number of an epoch changed and sealed anew, as someone would who wants it to pass: recomputing tells."""
    reseal = os.path.join(os.path.dirname(tools.add_weights), "property_reseal")
    layout = Layout(1, 1)

    def forge(change):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(out, copy)
        with open(copy + "/certificate.json") as f:
            certificate = json.load(f)
        change(certificate)
        with open(copy + "/certificate.json", "w") as f:
            json.dump(certificate, f)
        subprocess.run([reseal, copy + "/certificate.json"], check=True)

    with open(out + "/certificate.json") as f:
        last = json.load(f)["epochs"][-1]
    forge(lambda c: None)
    expect(tools, copy, layout, [], 0, "verified: ")
    fields = [(key, None) for key in ("parameters", "slots", "learning_rate", "steps", "skipped")] + [("values", name) for name in last["values"]]
    for key, name in fields:
        def change(certificate, key=key, name=name):
            holder = certificate["epochs"][-1] if name is None else certificate["epochs"][-1][key]
            was = holder[name or key]
            holder[name or key] = was + 1 if isinstance(was, int) else was[:-1] + ("1" if was[-1] != "1" else "2")
        forge(change)
        expect(tools, copy, layout, [], 1, "epoch %d differs: the certificate has %s" % (last["epoch"], name or key))
    forge(lambda c: c.update(model="0" * 32))
    expect(tools, copy, layout, [], 1, "model.h5: its parameters are")
    forge(lambda c: c["epochs"].pop())
    expect(tools, copy, layout, ["--to", str(last["epoch"])], 1, "the certificate holds those to")


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
    if seed == 1:
        forged(tools, out, folder + "/copy")
    return ", ".join(map(str, layouts))


main(one_case, default_cases=2)
