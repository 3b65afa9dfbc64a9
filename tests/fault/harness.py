# SPDX-License-Identifier: MIT
"""Start a training under mpirun with a fault to order, and say what a user sees of it. Each script of this folder is called with
MPIRUN LOCKSTEP SHIM SUPPORT, the last being the folder with runs.py and make_images.py's; LS_FAULT_CASES sets how many random cases it
draws, LS_FAULT_SEED where it begins."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "property"))
from runs import Failure, checkpoints, children, newest_iteration, send  # noqa: E402 (after the path is set)

SKIPPED, INTERRUPTED = 77, 75
PATIENCE_S = 240  # for one run: against hanging for ever, no measure of speed
OUTLIVED_S = 60  # after which an mpirun without ranks is ended
MPIRUN, LOCKSTEP, SHIM = sys.argv[1:4]

CONFIG = """# SPDX-License-Identifier: MIT
data: {train: %(data)s}
model:
  layers:
    - Dense: {units: 16, activation: tanh, input_shape: 6}
    - Dropout: {rate: 0.2}
    - Dense: {units: 1}
compile: {optimizer: {name: Adam, learning_rate: 0.01}, loss: mse}
fit: {epochs: 4, batch_size: 16, validation_split: 0.1, verbose: 0}
checkpoint: {every_steps: 7}
"""


def n_cases(default):
    return int(os.environ.get("LS_FAULT_CASES", default))


def first_seed():
    return int(os.environ.get("LS_FAULT_SEED", 1))


def check(condition, message):
    if not condition:
        raise Failure(message)


def make_data(folder, rows=400, seed=1):
    """folder/data.h5 and folder/config.yaml, a small regression."""
    rng = random.Random(seed)
    with open(folder + "/data.csv", "w") as f:
        for _ in range(rows):
            x = [rng.gauss(0, 1) for _ in range(6)]
            f.write(",".join("%.6f" % v for v in x + [sum(x) + rng.gauss(0, 0.1)]) + "\n")
    plain(["convert", folder + "/data.csv", "--out", folder + "/data.h5"])
    os.remove(folder + "/data.csv")
    with open(folder + "/config.yaml", "w") as f:
        f.write(CONFIG % {"data": folder + "/data.h5"})
    return folder + "/config.yaml"


def plain(arguments):
    """The command alone, which must succeed; what it printed."""
    done = subprocess.run([LOCKSTEP, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    check(done.returncode == 0, "exit code %d from lockstep %s\n%s" % (done.returncode, " ".join(arguments), done.stderr))
    return done.stdout


def digest(model):
    return plain(["digest", model]).split()[0]


def result(out):
    """What the contract is about: the parameters and the history."""
    with open(out + "/history.csv") as f:
        return digest(out + "/model.h5"), f.read()


class Outcome:
    """How a run ended. `seconds` is from the fault to the end of the last rank."""

    def __init__(self, code, errors, stderr, seconds):
        self.code, self.errors, self.stderr, self.seconds = code, errors, stderr, seconds

    def message(self):
        return self.errors[0] if self.errors else ""


class Run:
    """A training that is on its way. The fault is when hit() was called, else when the first error line came or a rank was gone."""

    def __init__(self, arguments, ranks=2, fault=None, rank=None, program=None, mpirun=()):
        environment = []
        if fault:
            environment = ["-x", "LD_PRELOAD=" + SHIM, "-x", "LS_FAULT=" + fault]
        if rank is not None:
            environment += ["-x", "LS_FAULT_RANK=%d" % rank]
        self.fault_s, self.gone_s, self.lines, self.pids = None, None, [], set()
        self.process = subprocess.Popen(
            [MPIRUN, "-n", str(ranks), *mpirun, *environment, *(program or [LOCKSTEP]), *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            if self.fault_s is None and line.startswith("lockstep: error: "):
                self.fault_s = time.monotonic()
            self.lines.append(line)

    def ranks(self):
        """The ranks that live, also those behind a wrapper of mpirun's."""
        self.pids.update(children(self.process.pid, LOCKSTEP))
        alive = [p for p in self.pids if lives(p)]
        if self.fault_s is None and len(alive) < len(self.pids):
            self.fault_s = time.monotonic()
        return alive

    def hit(self, pid, number):
        self.ranks()
        self.fault_s = time.monotonic()
        send([pid], number)

    def wait_for(self, what, condition):
        """False when the run ended before."""
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            self.ranks()
            if condition():
                return True
            check(time.monotonic() < deadline, "waited in vain for %s; still there:\n%s\n%s" % (what, self.states(), "".join(self.lines)))
            time.sleep(0.005)
        return False

    def states(self):
        """mpirun and the ranks: number, state, where in the kernel."""
        return "\n".join("%d %s %s" % (pid, " ".join(words_of(pid, "stat").split()[1:4]), words_of(pid, "wchan"))
                         for pid in [self.process.pid, *sorted(self.pids)])

    def outlived(self):
        """Has mpirun been left without a rank for long? PMIx 4.2 spoils a list of its own when a process dies between introducing
        itself and the answer, and mpirun then waits for ever in its own end: a rank killed by chance in that millisecond does it."""
        if not self.pids or self.ranks():
            self.gone_s = None
            return False
        self.gone_s = self.gone_s or time.monotonic()
        return time.monotonic() > self.gone_s + OUTLIVED_S

    def end(self):
        """Wait for mpirun and every rank. `hung`: mpirun had to be ended, as the user or lockstep-run would."""
        hung = False
        try:
            hung = self.wait_for("the end of the run", self.outlived)
            if hung:
                print("mpirun did not end, though all ranks were gone:\n" + self.states(), flush=True)
                self.process.kill()
                self.process.wait()
            while any(lives(p) for p in self.pids):
                check(time.monotonic() < (self.fault_s or time.monotonic()) + PATIENCE_S, "ranks live on")
                time.sleep(0.005)
            seconds = (self.gone_s if hung else time.monotonic()) - (self.fault_s or time.monotonic())
        finally:
            self.kill()
        self.reader.join(PATIENCE_S)
        errors = [line.strip() for line in self.lines if line.startswith("lockstep: error: ")]
        return Outcome(128 + signal.SIGKILL if hung else self.process.returncode, errors, "".join(self.lines), seconds)

    def kill(self):
        if self.process.poll() is None or any(lives(p) for p in self.pids):
            send(list(self.pids), signal.SIGKILL)
            send([self.process.pid], signal.SIGKILL)
            self.process.wait()


def words_of(pid, file):
    try:
        with open("/proc/%d/%s" % (pid, file)) as f:
            return f.read()
    except OSError:
        return "gone"


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def train(config, out, settings=()):
    return ["train", config, "--out", out, "--threads", "1", *[a for s in settings for a in ("--set", s)]]


def row(fault, outcome, equal):
    """A line of the table: fault, what the user sees, exit code, seconds to the last rank's exit, digest after resume."""
    seen = outcome.message().replace("lockstep: error: ", "") or "(nothing of ours)"
    print("%s | %s | %d | %.1f | %s" % (fault, seen, outcome.code, outcome.seconds, equal), flush=True)


def expect(fault, outcome, words, code=1):
    """One message that says `words`, and the exit code."""
    check(outcome.code == code, "%s: exit code %d, expected %d\n%s" % (fault, outcome.code, code, outcome.stderr))
    check(len(outcome.errors) == 1, "%s: %d messages\n%s" % (fault, len(outcome.errors), outcome.stderr))
    check(words in outcome.message(), "%s: no '%s' in\n%s" % (fault, words, outcome.stderr))


def resumes(config, out, expected, settings=(), ranks=3):
    """The same command without the fault must end as a run that nothing disturbed."""
    outcome = Run(train(config, out, settings), ranks).end()
    check(outcome.code == 0, "the run does not go on: exit code %d\n%s" % (outcome.code, outcome.stderr))
    check(result(out) == expected, "after the resume the result is not that of an undisturbed run")
    return "equal"


def whole(out):
    """No file is half-written: the checkpoints verify, nothing temporary is left."""
    for name in checkpoints(out):
        plain(["inspect", out + "/checkpoints/" + name])
    left = [n for folder in (out, out + "/checkpoints") if os.path.isdir(folder) for n in os.listdir(folder) if n.endswith("lockstep-tmp")]
    check(not left, "left behind: %s" % left)


def main(*tests):
    """Each test(folder) in a folder of its own; all run, and the exit code says whether one failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is open is closed on the way out
    failed = 0
    for test in tests:
        folder = tempfile.mkdtemp(prefix="lockstep-fault-")
        try:
            test(folder)
        except (Failure, subprocess.TimeoutExpired) as e:
            failed += 1
            print("FAILED %s: %s" % (test.__name__, e), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)
