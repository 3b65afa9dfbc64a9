#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/lockstep-run: ranks and hosts that are lost, limits, and being told to stop. Hosts are UTS namespaces of this machine, reached by
an agent of ours: each has its own name and its own daemon of mpirun's, and may vanish."""
import os
import random
import signal
import subprocess
import time

from harness import (HERE, LOCKSTEP, PATIENCE_S, SHIM, Run, check, first_seed, lives, main, make_data, newest_iteration, result,
                     send, train)

SUPERVISOR = HERE + "/../../scripts/lockstep-run"
LONG = ["fit.epochs=40", "checkpoint.background=false"]
SHORT = ["fit.epochs=15", "checkpoint.background=false"]
SLOW = {"LD_PRELOAD": SHIM, "LS_FAULT": "slow ckpt- 15"}  # some seconds of checkpoints on the fastest disk, time enough for a fault


def reference(folder, settings=LONG):
    config = make_data(folder)
    outcome = Run(train(config, folder + "/reference", settings), 1).end()
    check(outcome.code == 0, outcome.stderr)
    return config, result(folder + "/reference")


class Supervised:
    def __init__(self, folder, options, arguments, log="supervisor"):
        self.log = "%s/%s.log" % (folder, log)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([SUPERVISOR, *options, "--", LOCKSTEP, *arguments], stdout=log, stderr=log, start_new_session=True,
                                            env=dict(os.environ, **SLOW))

    def text(self):
        with open(self.log) as f:
            return f.read()

    def wait_for(self, what, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            check(self.process.poll() is None, "ended before %s:\n%s" % (what, self.text()))
            check(time.monotonic() < deadline, "waited in vain for %s:\n%s" % (what, self.text()))
            time.sleep(0.01)

    def end(self, code, *words):
        try:
            self.process.wait(PATIENCE_S)
        finally:
            if self.process.poll() is None:
                send([self.process.pid], signal.SIGTERM)
        check(self.process.returncode == code, "exit code %d, expected %d:\n%s" % (self.process.returncode, code, self.text()))
        for word in words:
            check(word in self.text(), "no '%s' in\n%s" % (word, self.text()))


def processes(word):
    """All that have `word` in their command line or environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f, open("/proc/%s/environ" % pid, "rb") as g:
                if word.encode() in f.read() + g.read() and int(pid) != os.getpid() and lives(int(pid)):
                    found.append(int(pid))
        except OSError:
            continue
    return found


def ranks(out):
    return [p for p in processes("--out\0" + out + "\0") if os.path.realpath("/proc/%d/exe" % p) == os.path.realpath(LOCKSTEP)]


def rank_killed(folder):
    config, expected = reference(folder)
    out, rng = folder + "/run", random.Random("supervisor %d" % first_seed())
    supervised = Supervised(folder, ["--hosts", "localhost:3"], train(config, out, LONG))
    for kills in (1, 2):
        supervised.wait_for("start %d" % kills, lambda: "start %d:" % kills in supervised.text())
        before = newest_iteration(out)
        supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > before and len(ranks(out)) == 3)
        send([rng.choice(ranks(out))], signal.SIGKILL)
        supervised.wait_for("the restart", lambda: "restart %d of at most 20" % kills in supervised.text())
    supervised.end(0, "a rank was ended by signal 9", "start 3: 3 ranks on localhost:3, from ckpt-", "done: " + out)
    check(result(out) == expected, "the result is not that of an undisturbed run")
    print("lockstep-run: a rank killed twice, restarted twice | equal")


def rank_stopped(folder):
    """A rank that does not arrive: the others leave with 76, and the run goes on."""
    config, expected = reference(folder)
    out = folder + "/run"
    supervised = Supervised(folder, ["--hosts", "localhost:3"], train(config, out, LONG + ["parallel.deadline_seconds=3"]))
    supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > 0 and len(ranks(out)) == 3)
    send(ranks(out)[-1:], signal.SIGSTOP)
    supervised.end(0, "did not arrive (process", "stopped by a signal", "ranks lost each other (76)", "start 2: 3 ranks on localhost:3, from ckpt-",
                   "done: " + out)
    check(result(out) == expected, "the result is not that of an undisturbed run")
    print("lockstep-run: a rank stopped, 76, restarted | equal")


AGENT = """#!/bin/sh
# AGENT HOST COMMAND...: as ssh would
host=$1; shift
[ ! -e %(folder)s/down-$host ] || exit 255
exec env LS_HOST=%(folder)s/$host unshare --uts --mount sh -c '%(view)s; hostname "$0" && exec sh -c "$*"' $host "$@"
"""
MPIRUN = "mpirun --mca btl tcp,self --mca btl_tcp_if_include lo --mca oob_tcp_if_include lo"


def make_agent(folder, view=":"):
    """None where there are no namespaces. view: what each host does first, its name in $0."""
    if subprocess.run(["unshare", "--uts", "--mount", "true"], check=False, capture_output=True).returncode != 0:
        print("hosts that vanish: skipped, no namespaces here")
        return None
    return executable(folder + "/agent", AGENT % {"folder": folder, "view": view})


def executable(path, text):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


def host_vanishes(folder):
    agent = make_agent(folder)
    if not agent:
        return
    config, expected = reference(folder)
    out = folder + "/run"
    supervised = Supervised(folder, ["--hosts", "ha:1,hb:2", "--agent", agent, "--mpirun", MPIRUN], train(config, out, LONG))
    supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    with open(folder + "/down-hb", "w"):
        send(processes("LS_HOST=%s/hb" % folder), signal.SIGKILL)
    supervised.end(0, "start 1: 3 ranks on ha:1,hb:2", "hb does not answer", "start 2: 1 ranks on ha:1, from ckpt-", "done: " + out)
    check(result(out) == expected, "the result is not that of an undisturbed run")
    print("lockstep-run: a host vanished, on with 1 of 3 ranks | equal")


def all_hosts_vanish(folder):
    """They are waited for, once the training has been on its way."""
    agent = make_agent(folder)
    if not agent:
        return
    config, expected = reference(folder, SHORT)
    out = folder + "/run"
    options = ["--hosts", "ha:1,hb:1", "--agent", agent, "--mpirun", MPIRUN, "--max-stuck", "1"]
    supervised = Supervised(folder, options, train(config, out, SHORT))
    supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    for host in ("ha", "hb"):
        with open("%s/down-%s" % (folder, host), "w"):
            send(processes("LS_HOST=%s/%s" % (folder, host)), signal.SIGKILL)
    supervised.wait_for("the second try", lambda: supervised.text().count("no host answers") >= 2)
    os.remove(folder + "/down-hb")
    supervised.end(0, "1 ranks on hb:1, from ckpt-", "done: " + out)
    check(result(out) == expected, "the result is not that of an undisturbed run")
    print("lockstep-run: all hosts vanished, one came back | equal")


def unshared_folder(folder):
    """The host that is left does not see the run folder: it does not begin anew."""
    agent = make_agent(folder, 'case "$0" in hb) mount --bind %s/other %s/runs;; esac' % (folder, folder))
    if not agent:
        return
    config = make_data(folder)
    os.makedirs(folder + "/other")
    os.makedirs(folder + "/runs")
    out = folder + "/runs/1"
    supervised = Supervised(folder, ["--hosts", "ha:1,hb:1", "--agent", agent, "--mpirun", MPIRUN], train(config, out, SHORT))
    supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    with open(folder + "/down-ha", "w"):
        send(processes("LS_HOST=%s/ha" % folder), signal.SIGKILL)
    supervised.end(1, "host hb cannot write there: without host ha this run could not go on", "hb:1: no host there sees " + out)
    check(not os.listdir(folder + "/other"), "it began anew")
    options = ["--hosts", "hb:1,ha:1", "--agent", agent, "--mpirun", MPIRUN]  # the blind one first
    os.remove(folder + "/down-ha")
    Supervised(folder, options, train(config, out, SHORT)).end(0, "start 1: 2 ranks on ha:1,hb:1, from ckpt-", "done: " + out)
    print("lockstep-run: the host that is left does not see the run folder: said, 1; with the other one again, done")


def wrong_words(folder):
    config = make_data(folder)
    for options, program, words in ([], "nosuch", "nosuch: no such program"), (["--mpirun", "/nosuch/mpirun"], LOCKSTEP, "/nosuch/mpirun: no such"), \
            (["--mpirun="], LOCKSTEP, "no such program"), (["--agent", "nosuch"], LOCKSTEP, "nosuch: no such program"), \
            (["--hosts", ":2"], LOCKSTEP, "no name of a host"), (["--hosts", "a:0"], LOCKSTEP, "expected a number above 0"), \
            (["--hostfile", folder], LOCKSTEP, "no hosts"), (["--max-restarts", "x"], LOCKSTEP, "expected a number"):
        done = subprocess.run([SUPERVISOR, *options, "--", program, "train", config], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        check(done.returncode == 2 and "lockstep-run: error: " in done.stderr and words in done.stderr, "%s: %d\n%s" % (options, done.returncode, done.stderr))


def stopped_while_waiting(folder):
    """Within the pause before a restart, and while hosts are asked: nothing is started any more."""
    config, never = make_data(folder), folder + "/run"
    fails = executable(folder + "/mpirun", "#!/bin/sh\nexit 76\n")
    slow = executable(folder + "/agent", "#!/bin/sh\n: >%s/asked\nsleep 2\n" % folder)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        supervised = Supervised(folder, ["--hosts=localhost:1", "--back-off=600", "--mpirun", fails], train(config, never), "pause")
        supervised.wait_for("the pause", lambda: "again in 600 s" in supervised.text())
        send([supervised.process.pid], number)
        supervised.end(75, "stopped")
    supervised = Supervised(folder, ["--hosts=far:1,localhost:1", "--agent", slow, "--mpirun", fails], train(config, never), "asking")
    supervised.wait_for("the question", lambda: os.path.exists(folder + "/asked"))
    send([supervised.process.pid], signal.SIGINT)
    supervised.end(75, "stopped")
    check("start 1" not in supervised.text(), supervised.text())
    print("lockstep-run: SIGINT, SIGTERM, SIGUSR1 in the pause, SIGINT while hosts are asked: 75 at once")


def gives_up(folder):
    """No checkpoint comes about: not for ever; with fewer ranks from the second failure on."""
    config = make_data(folder)
    mpirun = "mpirun -x LD_PRELOAD=%s -x LS_FAULT=kill\\ ckpt-\\ 0" % SHIM
    executable(folder + "/mpirun", "#!/bin/sh\nexec %s \"$@\"\n" % mpirun)
    supervised = Supervised(folder, ["--hosts", "localhost:3", "--back-off", "0", "--mpirun", folder + "/mpirun"],
                            train(config, folder + "/run"))
    supervised.end(137, "start 1: 3 ranks", "localhost lost a rank again: one rank less there, 2", "start 3: 2 ranks",
                   "3 failures in a row without a new checkpoint: giving up")
    print("lockstep-run: a rank killed before every checkpoint: gives up after 3 starts, exit code 137")


def mpirun_hangs(folder):
    """A rank that dies while PMIx introduces it, or while it reads what mpirun shares: PMIx 4.2 makes mpirun wait for ever in its own end
    then, all ranks being gone; other versions just end."""
    config, expected = reference(folder)
    for fault in ("hello", "lock - 20"):
        name = fault.split()[0]
        mpirun, out = folder + "/mpirun-" + name, folder + "/run-" + name
        executable(mpirun, '#!/bin/sh\n[ ! -e %s ] || exec mpirun "$@"\n: >%s\nexport LS_FAULT="%s" LS_FAULT_RANK=1\n'
                   'exec mpirun -x LD_PRELOAD=%s -x LS_FAULT -x LS_FAULT_RANK "$@"\n' % (out + ".again", out + ".again", fault, SHIM))
        supervised = Supervised(folder, ["--hosts", "localhost:3", "--back-off", "0", "--patience", "2", "--mpirun", mpirun],
                                train(config, out, LONG))
        supervised.end(0, "again in 0 s (restart 1 of", "start 2: 3 ranks on localhost:3", "done: " + out)
        check(result(out) == expected, "the result is not that of an undisturbed run")
        hung = "mpirun had to be ended" if "mpirun does not end after that" in supervised.text() else "mpirun ended"
        print("lockstep-run: a rank dies while the launcher waits for it (%s): %s | equal" % (name, hung))


def told_to_stop(folder):
    config, expected = reference(folder)
    out = folder + "/run"
    supervised = Supervised(folder, ["--hosts=localhost:2"], train(config, out, LONG))
    supervised.wait_for("a checkpoint", lambda: newest_iteration(out) > 0)
    Supervised(folder, ["--hosts=localhost:1"], train(config, out, LONG), "second").end(1, "in use by process", "not tried again")
    os.killpg(supervised.process.pid, signal.SIGINT)  # as a terminal does, to all of the group
    supervised.end(75, "stopped by SIGUSR1 at epoch", "stopped, with a checkpoint")
    killed = Supervised(folder, ["--hosts", "localhost:1"], train(config, out, LONG))
    killed.wait_for("the start", lambda: ranks(out))
    send([killed.process.pid], signal.SIGKILL)
    killed.process.wait()
    deadline = time.monotonic() + PATIENCE_S
    while ranks(out):
        check(time.monotonic() < deadline, "the ranks of a killed supervisor live on")
        time.sleep(0.05)
    Supervised(folder, ["--hosts", "localhost:1"], train(config, out, LONG)).end(0)
    check(result(out) == expected, "the result is not that of an undisturbed run")
    print("lockstep-run: a second one refused; Ctrl-C, saved, 75, resumed; SIGKILL, ranks gone, resumed | equal")


main(wrong_words, stopped_while_waiting, rank_killed, rank_stopped, host_vanishes, all_hosts_vanish, unshared_folder, gives_up, mpirun_hangs,
     told_to_stop)
