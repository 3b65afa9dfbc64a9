# SPDX-License-Identifier: MIT
"""Processes that measure when asked and sleep between: ours, and the peers'. One line asks, one line answers."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


class WorkerError(Exception):
    """A worker that ended, or never began; the text is the last it said."""


class Worker:
    """run(seconds) gives microseconds a step."""

    def __init__(self, name, processes, log):
        self.name = name
        self.processes = processes
        self.log = log
        self.us = None
        self.last = {}

    def answer(self):
        line = self.processes[0].stdout.readline()
        while line and not line.lstrip().startswith(("{", "[")):
            line = self.processes[0].stdout.readline()  # a library's chatter
        if not line:
            self.close()
            raise WorkerError(f"{self.name}: {self.said()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer

    def said(self):
        self.log.seek(0)
        lines = [line for line in self.log.read().splitlines() if line.strip(" -")]
        return " / ".join(lines[-4:]) if lines else "ended without a word"

    def run(self, seconds):
        if self.us is None:
            self.us = self.measure(1)["us_per_step"]
            self.us = self.measure(self.steps(min(seconds, 0.2)))["us_per_step"]
        self.last = self.measure(self.steps(seconds))
        self.us = self.last["us_per_step"]
        return self.us

    def steps(self, seconds):
        return max(1, round(seconds * 1e6 / self.us))

    def close(self):
        for process in self.processes:
            if process.stdin:
                try:
                    process.stdin.close()
                except OSError:
                    pass
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Ours(Worker):
    """bench_step on some ranks and threads; its control pipes are fed here."""

    def __init__(self, tools, net, ranks, threads, mode="step", dtype="float32", sets=(), steps=None, in_folder=False):
        self.folder = tempfile.mkdtemp(prefix="lockstep-bench-")
        config = os.path.join(self.folder, net.name + ".yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(net.config())
        control = os.path.join(self.folder, "control")
        self.pipes = []
        for rank in range(ranks):
            os.mkfifo(f"{control}.{rank}")
            self.pipes.append(os.open(f"{control}.{rank}", os.O_RDWR))
        self.group = steps or net.group_steps()
        command = tools.mpirun(ranks) + [
            tools.program("bench_step"), config, control, str(self.group), str(net.sizes[0]), str(net.sizes[-1]), mode, dtype,
            *sets, *(["out=" + os.path.join(self.folder, "run")] if in_folder else [])]
        log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
                                   env=tools.environment(threads))
        super().__init__(f"lockstep {ranks}x{threads}", [process], log)
        try:
            self.versions = self.answer()
        except WorkerError:
            self.close()
            raise

    def steps(self, seconds):
        return max(1, round(super().steps(seconds) / self.group))  # in epochs

    def measure(self, epochs):
        for pipe in self.pipes:
            os.write(pipe, f"{epochs}\n".encode())
        return self.answer()

    def close(self):
        for pipe in self.pipes:
            os.write(pipe, b"0\n")
        super().close()
        for pipe in self.pipes:
            os.close(pipe)
        self.pipes = []
        shutil.rmtree(self.folder, ignore_errors=True)


class Peer(Worker):
    """A Python program of peers/, on one or several ranks. open(net, variant) first."""

    def __init__(self, tools, script, name, ranks=1, threads=1, **variables):
        log = tempfile.TemporaryFile("w+", encoding="utf-8")
        processes = []
        store = os.path.join(tempfile.mkdtemp(prefix="lockstep-bench-"), "store")
        for rank in range(ranks):
            environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(ranks), BENCH_STORE=store, BENCH_THREADS=str(threads),
                               OMP_NUM_THREADS=str(threads), PYTHONDONTWRITEBYTECODE="1", **variables)
            processes.append(subprocess.Popen([tools.python, os.path.join(HERE, "peers", script)], stdin=subprocess.PIPE,
                                              stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL, stderr=log, text=True,
                                              env=environment))
        super().__init__(name, processes, log)
        self.threads = threads
        self.versions = self.answer()

    def ask(self, **words):
        for process in self.processes:
            try:
                process.stdin.write(json.dumps(words) + "\n")
                process.stdin.flush()
            except OSError as problem:
                raise WorkerError(f"{self.name}: {self.said()}") from problem
        return self.answer()

    def open(self, net, variant="", steps=0):
        self.us = None
        self.ask(op="open", sizes=net.sizes, hidden=net.hidden, batch=net.batch, optimizer=net.optimizer, variant=variant,
                 steps=steps)

    def measure(self, steps):
        return self.ask(op="run", steps=steps)


class Tools:
    """Where the build and the interpreters are."""

    def __init__(self, build, python, mpirun):
        self.build = build
        self.python = python or sys.executable
        self.has_peers = python is not None
        self.launcher = mpirun

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def command(self):
        return os.path.join(self.build, "lockstep")

    def mpirun(self, ranks):
        if ranks == 1:
            return []
        words = [self.launcher, "-n", str(ranks)]
        return words if ranks <= (os.cpu_count() or 1) else words + ["--oversubscribe", "--bind-to", "none"]

    @staticmethod
    def environment(threads):
        """As the command sets it for itself (cli/threads.c), and as mpirun wants it."""
        return dict(os.environ, OMP_NUM_THREADS=str(threads), GOMP_SPINCOUNT=os.environ.get("GOMP_SPINCOUNT", "1000"))
