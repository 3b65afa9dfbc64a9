#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The contract across hosts, and what happens when one is lost. Usage: hosts.py PART MPIRUN LOCKSTEP RELAY

PART: contract, streamed, faults, supervised, views.

Longer: LS_NETNS_CASES=N random layouts.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "property"))
from cases import npy  # noqa: E402
from net import MCA, Network, begin, send  # noqa: E402

SUPERVISOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "lockstep-run")
TIMEOUT_S = 120
DEADLINE_S = 3
LOST = 76
CONFIG = """# SPDX-License-Identifier: MIT
data: {train: %(data)s}
model:
  layers:
    - Input: {shape: [24]}
    - Dense: {units: %(units)d, activation: relu}
    - BatchNormalization: {}
    - Dense: {units: 40, activation: tanh}
    - Dense: {units: 1}
compile: {optimizer: "Adam(0.01)", loss: mse}
fit: {epochs: %(epochs)d, batch_size: 40, verbose: 0}
checkpoint: {every_steps: 5}
parallel: {threads: 1, leaf_rows: 3, deadline_seconds: %(deadline)d}
"""


class Bench:
    def __init__(self, mpirun, lockstep, relay, folder):
        self.mpirun, self.lockstep, self.relay, self.folder = mpirun, lockstep, relay, folder
        rng = random.Random(1)
        npy(folder + "/x.npy", "f", [500, 24], [rng.gauss(0, 1) for _ in range(12000)])
        npy(folder + "/y.npy", "f", [500, 1], [rng.gauss(0, 1) for _ in range(500)])
        self.run(["convert", folder + "/x.npy", folder + "/y.npy", "--out", folder + "/data.h5"])

    def run(self, arguments):
        done = subprocess.run([self.lockstep, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert done.returncode == 0, "%s: exit code %d\n%s%s" % (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def config(self, name, units, epochs, deadline=TIMEOUT_S):
        path = "%s/%s.yaml" % (self.folder, name)
        with open(path, "w") as f:
            f.write(CONFIG % {"data": self.folder + "/data.h5", "units": units, "epochs": epochs, "deadline": deadline})
        return path

    def digest(self, out):
        return self.run(["digest", out + "/model.h5"]).split()[0]

    def alone(self, config, out):
        self.run(["train", config, "--out", out])
        return self.digest(out)

    def train(self, net, slots, config, out, extra=(), settings=()):
        log = open(out + ".log", "w+")
        arguments = [self.lockstep, "train", config, "--out", out, *settings]
        return net.start(self.mpirun, slots, arguments, log, extra), log


def text_of(log):
    log.flush()
    log.seek(0)
    return log.read()


def must_train(bench, net, slots, config, out, expected, extra=(), settings=()):
    process, log = bench.train(net, slots, config, out, extra, settings)
    code = process.wait(TIMEOUT_S)
    assert code == 0, "%s: exit code %d\n%s" % (slots, code, text_of(log))
    found = bench.digest(out)
    assert found == expected, "%s %s: digest %s, expected %s" % (slots, extra, found, expected)


def contract(bench):
    config = bench.config("contract", 96, 2)
    expected = bench.alone(config, bench.folder + "/alone")
    layouts = [([1, 1], 0, ()), ([2, 1], 10, ()), ([2, 2], 0, ("--map-by", "node")), ([1, 2, 1], 0, ()),
               ([2, 1, 2, 1], 100, ())]
    rng = random.Random(int(os.environ.get("LS_PROPERTY_SEED", 1)))
    for _ in range(int(os.environ.get("LS_NETNS_CASES", 0))):
        layouts.append(([rng.randint(1, 3) for _ in range(rng.randint(2, 4))], rng.choice([0, 5, 1000]),
                        rng.choice([(), ("--map-by", "node")])))
    slow = [([1, 1], 1000, (), 20), ([2, 1], 1000, (), 200), ([1, 2, 1], 10000, (), 50)]
    for i, (slots, mbit, extra, delay_us) in enumerate([(*layout, 0) for layout in layouts] + slow):
        start = time.monotonic()
        exchange = "mpi" if i == 2 else "auto"
        with Network(len(slots), mbit, delay_us, bench.relay) as net:
            must_train(bench, net, slots, config, "%s/run%d" % (bench.folder, i), expected, extra,
                       ["--set", "parallel.exchange=" + exchange])
        print("hosts with %s ranks, %s, %d us, %s %s: same digest, %.1f s" % (
            slots, "%d Mbit/s" % mbit if mbit else "unlimited", delay_us, exchange, " ".join(extra), time.monotonic() - start), flush=True)


def streamed(bench):
    """Chunks are shared by the ranks of a host, never between hosts: the bits of data in memory."""
    rng, rows = random.Random(2), 2600
    npy(bench.folder + "/x.npy", "f", [rows, 240], [rng.gauss(0, 1) for _ in range(240 * rows)])
    npy(bench.folder + "/y.npy", "f", [rows, 1], [rng.gauss(0, 1) for _ in range(rows)])
    for i, layout in enumerate(([], ["--chunk-rows", "16", "--deflate", "1"])):
        rows_of = ["--rows", "%d:%d" % (i * 1300, i * 1300 + 1300)]
        bench.run(["convert", bench.folder + "/x.npy", bench.folder + "/y.npy", "--out", "%s/part-%d.h5" % (bench.folder, i), *rows_of, *layout])
    config = bench.config("streamed", 96, 2)
    with open(config) as f:
        text = f.read().replace("/data.h5", "/part-?.h5").replace("shape: [24]", "shape: [240]")
    with open(config, "w") as f:
        f.write(text)
    for order in ("true", "blocks"):
        settings = ["--set", "fit.shuffle=" + order, "--set", "fit.shuffle_block=16"]
        bench.run(["train", config, "--out", "%s/held-%s" % (bench.folder, order), *settings])
        expected = bench.digest("%s/held-%s" % (bench.folder, order))
        for slots in ([1, 1], [2, 1]):
            out = "%s/streamed-%s-%d" % (bench.folder, order, slots[0])
            with Network(len(slots)) as net:
                process, log = bench.train(net, slots, config, out, (), [*settings, "--set", "data.memory_limit_mib=1", "--set", "fit.verbose=2"])
                code, said = process.wait(TIMEOUT_S), text_of(log)
                assert code == 0 and "streamed within" in said, "%s: exit code %d\n%s" % (slots, code, said)
            assert bench.digest(out) == expected, "%s, shuffle %s: %s, in memory %s" % (slots, order, bench.digest(out), expected)
            print("hosts with %s ranks, streamed, shuffle %s: the digest of data in memory" % (slots, order), flush=True)


def checkpointed(out):
    try:
        return any(n.startswith("ckpt-") and n.endswith(".h5") for n in os.listdir(out + "/checkpoints"))
    except FileNotFoundError:
        return False


def wait_for(condition, what, seconds=TIMEOUT_S):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


FAULTS = {
    "killed": (lambda net, b: send(net.ranks("h2", b.lockstep)[:1], signal.SIGKILL), [137], None),
    "stopped": (lambda net, b: send(net.ranks("h2", b.lockstep)[:1], signal.SIGSTOP), [LOST], "stopped by a signal"),
    "cut": (lambda net, b: net.cut("h2"), None, "host h2 (rank"),
    "stalled": (lambda net, b: net.stall("h2"), None, "host h2 (rank"),
}


def fault(bench, name, config, expected):
    hit, codes, words = FAULTS[name]
    out = "%s/%s" % (bench.folder, name)
    with Network(2) as net:
        process, log = bench.train(net, [1, 2], config, out)
        wait_for(lambda: checkpointed(out) or process.poll() is not None, "no checkpoint: " + text_of(log))
        assert process.poll() is None, "%s: it ended early\n%s" % (name, text_of(log))
        start = time.monotonic()
        hit(net, bench)
        wait_for(lambda: not net.all_ranks(bench.lockstep), "%s: ranks are left\n%s" % (name, text_of(log)))
        gone = time.monotonic() - start
        code = process.wait(TIMEOUT_S)
        said = text_of(log)
        assert code != 0 and (codes is None or code in codes), "%s: exit code %d\n%s" % (name, code, said)
        assert words is None or words in said, "%s: '%s' is not in\n%s" % (name, words, said)
        assert said.count("lockstep: error:") <= 1 or name in ("cut", "stalled"), said
        ended = time.monotonic() - start
    settings = ["--set", "parallel.deadline_seconds=%d" % TIMEOUT_S]
    with Network(2) as net:
        must_train(bench, net, [2, 1], config, out, expected, settings=settings)
    line = [text for text in said.splitlines() if text.startswith("lockstep: error:")]
    print("%s: exit code %d, ranks gone after %.1f s, mpirun after %.1f s, same digest after resuming\n  %s" % (
        name, code, gone, ended, line[0] if line else "(mpirun's own words)"), flush=True)


def faults(bench):
    config = bench.config("faults", 1500, 60, DEADLINE_S)
    expected = bench.alone(config, bench.folder + "/alone")
    for name in FAULTS:
        fault(bench, name, config, expected)


def supervised(bench):
    """lockstep-run: a host whose ranks are cut off, though the way by which programs are started there still works."""
    config = bench.config("faults", 1500, 60, DEADLINE_S)
    expected = bench.alone(config, bench.folder + "/alone")
    out = bench.folder + "/with blanks"
    with Network(3) as net, open(bench.folder + "/log", "w+") as log:
        mca = " ".join("--mca %s %s" % pair for pair in MCA.items() if not pair[0].startswith("oob_tcp_keepalive"))
        program = [SUPERVISOR, "--hosts", "h1:1,h2:2,h3:1", "--agent", net.agent, "--mpirun", "%s %s" % (bench.mpirun, mca), "--"]
        process = net.start_at_h1([*program, bench.lockstep, "train", config, "--out", out], log)
        wait_for(lambda: checkpointed(out) or process.poll() is not None, "no checkpoint: " + text_of(log))
        net.cut("h3")
        code = process.wait(TIMEOUT_S)
        said = text_of(log)
    for words in ("start 1: 4 ranks on", "h3 answers, but mpirun starts nothing there", "start 2: 3 ranks on h1:1,h2:2, from", "done: "):
        assert words in said, "no '%s' in\n%s" % (words, said)
    assert code == 0 and bench.digest(out) == expected, "exit code %d\n%s" % (code, said)
    print("lockstep-run, host cut off: on with 3 of 4 ranks, same digest")


def refused(bench, net, arguments, words):
    """One message with these words, 1, and no rank left."""
    with open(bench.folder + "/refused.log", "w+") as log:
        code = net.start(bench.mpirun, [1, 2], [bench.lockstep, *arguments], log).wait(TIMEOUT_S)
        said = text_of(log)
    assert code == 1 and said.count("lockstep: error:") == 1 and words in said, "exit code %d, no '%s' in\n%s" % (code, words, said)
    assert not net.all_ranks(bench.lockstep), "ranks are left"
    print("%s | 1" % [line for line in said.splitlines() if line.startswith("lockstep: error:")][0])


def views(bench):
    """Hosts that see different files: a set on one of which a file is missing, and run folders of their own."""
    config, shared, own = bench.config("views", 96, 2), bench.folder + "/shared", bench.folder + "/own"
    for folder in (shared, own, bench.folder + "/runs", bench.folder + "/other"):
        os.mkdir(folder)
    for i in range(3):
        rows = "%d:%d" % (i * 160, i * 160 + 160)
        bench.run(["convert", bench.folder + "/x.npy", bench.folder + "/y.npy", "--out", "%s/part-%d.h5" % (shared, i), "--rows", rows])
        if i != 1:
            shutil.copy("%s/part-%d.h5" % (shared, i), own)
    lacks = "mount --bind %s %s" % (own, shared)
    for host, words in (("h1", "this rank sees this file of the data set, rank 0 on host h1 does not (rank 1 on host h2)"),
                        ("h2", "rank 0 on host h1 sees this file of the data set, this rank does not (rank 1 on host h2)")):
        with Network(2, views={host: lacks}) as net:
            pattern = ["train", config, "--out", bench.folder + "/none", "--set", "data.train=%s/part-*.h5" % shared]
            refused(bench, net, pattern, "part-1.h5: " + words)
    expected, out = bench.alone(config, bench.folder + "/alone"), bench.folder + "/runs/1"
    other = "mount --bind %s/other %s/runs" % (bench.folder, bench.folder)
    with Network(2, views={"h2": other}) as net:
        must_train(bench, net, [1, 2], config, out, expected, settings=["--set", "parallel.shard_optimizer=true", "--set", "checkpoint.writers=3"])
        with open(out + ".log") as log:
            said = log.read()
        assert "host h2 cannot write there: without host h1 this run could not go on" in said, said
        assert not os.listdir(bench.folder + "/other"), "h2 wrote something"
    with Network(2, views={"h1": other}) as net:
        newer = "this rank sees ckpt-000000000026.h5, which is newer than all that rank 0 on host h1 sees (rank 1 on host h2)"
        refused(bench, net, ["train", config, "--out", out], newer)


def main():
    begin()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(*sys.argv[2:5], folder)
        parts = {"contract": contract, "streamed": streamed, "faults": faults, "supervised": supervised, "views": views}
        parts[sys.argv[1]](bench)


main()
