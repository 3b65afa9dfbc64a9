# SPDX-License-Identifier: MIT
"""Start the command under mpirun, look at what it wrote, and end it in unkind ways."""
import os
import re
import signal
import subprocess
import sys
import time

RANKS = [1, 2, 3, 4, 5, 8]
THREADS = [1, 2, 3]
EXCHANGES = ["shared", "mpi"]
TIMEOUT_S = 240  # of one run: against hanging for ever, not a measure of speed
INTERRUPTED = 75


class Failure(Exception):
    pass


class Layout:
    """Ranks x threads x exchange of one run."""

    def __init__(self, ranks, threads, exchange="auto", sharded=False):
        self.ranks, self.threads, self.exchange, self.sharded = ranks, threads, exchange, sharded

    @staticmethod
    def draw(rng):
        return Layout(rng.choice(RANKS), rng.choice(THREADS), rng.choice(EXCHANGES), rng.random() < 0.4)

    def __str__(self):
        return "%dx%d %s%s" % (self.ranks, self.threads, self.exchange, " sharded" if self.sharded else "")


class Tools:
    def __init__(self, mpirun, lockstep, add_weights):
        self.mpirun, self.lockstep, self.add_weights = mpirun, lockstep, add_weights

    def command(self, arguments, ranks):
        start = [self.mpirun, "-n", str(ranks)] if ranks else []
        return start + [self.lockstep] + arguments

    def run(self, arguments, ranks=0):
        """The command must succeed; returns what it printed. 0 ranks: without mpirun."""
        done = subprocess.run(
            self.command(arguments, ranks), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            raise Failure("exit code %d from: lockstep %s (%d ranks)\n%s%s" % (
                done.returncode, " ".join(arguments), ranks, done.stdout, done.stderr))
        return done.stdout

    def make_data(self, case, folder):
        weights, data = case.write_arrays(folder), folder + "/data.h5"
        self.run(["convert", folder + "/x.npy", folder + "/y.npy", "--out", data])
        if weights:
            subprocess.run([self.add_weights, data] + ["%g" % w for w in weights], check=True)

    def train_arguments(self, config, out, layout, extra=()):
        with open(config) as f:  # what measures whole tensors cannot be sharded
            sharded = layout.sharded and not re.search(r"(Lamb|Adafactor|Muon)\(", f.read())
        settings = ["parallel.threads=%d" % layout.threads, "parallel.exchange=%s" % layout.exchange,
                    "parallel.shard_optimizer=%s" % str(sharded).lower(), *extra]
        return ["train", config, "--out", out] + [a for s in settings for a in ("--set", s)]

    def train(self, config, out, layout, extra=()):
        self.run(self.train_arguments(config, out, layout, extra), layout.ranks)
        return self.result(out)

    def result(self, out):
        """What the contract is about, by file: the parameters' digest of models, the bytes of logs."""
        found = {}
        for name in sorted(os.listdir(out)):
            path = out + "/" + name
            # The temporary of a killed writer stays while some process has its number.
            if name in ("config.yaml", ".lock") or name.endswith(".lockstep-tmp") or os.path.isdir(path):
                continue
            if name.endswith(".h5"):
                found[name] = self.run(["digest", path]).split()[0]
            else:
                with open(path, newline="") as f:
                    found[name] = f.read()
        return found


def compare(found, expected, what):
    """Equal results, or a Failure that shows the first file that differs."""
    for name in sorted(set(found) | set(expected)):
        if found.get(name) != expected.get(name):
            raise Failure("%s: %s is\n%s\nexpected\n%s" % (what, name, found.get(name), expected.get(name)))


def checkpoints(out):
    try:
        names = os.listdir(out + "/checkpoints")
    except FileNotFoundError:
        return []
    return sorted(n for n in names if n.startswith("ckpt-") and n.endswith(".h5"))


def newest_iteration(out):
    names = checkpoints(out)
    return int(names[-1][5:-3]) if names else -1


def children(pid, program):
    """Processes started by `pid` that run `program`: the ranks under mpirun."""
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                found += [int(child) for child in f.read().split()]
    except OSError:
        pass  # it has ended
    return [child for child in found if runs(child, program)]


def runs(pid, program):
    try:
        return os.readlink("/proc/%d/exe" % pid) == os.path.realpath(program)
    except OSError:
        return False  # it has ended meanwhile


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def start_and_hit(tools, arguments, layout, out, iteration, hit):
    """Start a training; once a checkpoint of `iteration` or later is there, call hit(mpirun pid, rank pids).

    Returns (exit code, output). The training may be quicker than we are: then the exit code is 0.
    """
    with open(out + ".log", "w+") as log:
        process = subprocess.Popen(tools.command(arguments, layout.ranks), stdout=log, stderr=log)
        deadline = time.monotonic() + TIMEOUT_S
        try:
            while process.poll() is None and newest_iteration(out) < iteration:
                if time.monotonic() > deadline:
                    raise Failure("no checkpoint of iteration %d in time: %s" % (iteration, out))
                time.sleep(0.001)
            ranks = children(process.pid, tools.lockstep)
            if process.poll() is None and ranks:
                hit(process.pid, ranks)
            process.wait(TIMEOUT_S)
        finally:
            if process.poll() is None:
                send(children(process.pid, tools.lockstep) + [process.pid], signal.SIGKILL)
                process.wait()
        log.seek(0)
        return process.returncode, log.read()


def n_cases(default):
    return int(os.environ.get("LS_PROPERTY_CASES", default))


def first_seed():
    return int(os.environ.get("LS_PROPERTY_SEED", 1))


def main(one_case, default_cases):
    """Call one_case(tools, seed, folder) for every seed; print each seed, so that a failure can be repeated."""
    import tempfile

    tools = Tools(*sys.argv[1:4])
    failed = 0
    for seed in range(first_seed(), first_seed() + n_cases(default_cases)):
        with tempfile.TemporaryDirectory() as folder:
            try:
                print("seed %d: %s" % (seed, one_case(tools, seed, folder)), flush=True)
            except (Failure, subprocess.TimeoutExpired) as e:
                failed += 1
                print("seed %d FAILED: %s" % (seed, e), flush=True)
                config = folder + "/config.yaml"
                if os.path.exists(config):
                    print(open(config).read(), flush=True)
    if failed:
        print("%d failed; repeat one with LS_PROPERTY_SEED=<seed> LS_PROPERTY_CASES=1" % failed)
    sys.exit(1 if failed else 0)
