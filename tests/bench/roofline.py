# SPDX-License-Identifier: MIT
"""A net's matrix products alone, each with BLIS's fastest kernel set, number of threads and path for its shape."""
import subprocess
import tempfile

from workers import Worker, WorkerError

KERNEL_SETS = ["skx", "zen3", "zen2", "zen", "haswell"]


class KernelSet(Worker):
    """bench_roofline with one kernel set."""

    def __init__(self, tools, kernels, net, max_threads):
        shapes = [":".join(str(part) for part in product) for product in net.products()]
        log = tempfile.TemporaryFile("w+", encoding="utf-8")
        environment = tools.environment(max_threads)
        del environment["GOMP_SPINCOUNT"]  # its own way of waiting: the fastest on an idle machine
        process = subprocess.Popen([tools.program("bench_roofline"), kernels, str(max_threads), *shapes], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        super().__init__("BLIS " + kernels, [process], log)
        self.kernels = kernels
        self.versions = self.answer()

    def ask(self, line):
        self.processes[0].stdin.write(line + "\n")
        self.processes[0].stdin.flush()
        return self.answer()


class Roofline:
    """A worker like the others: its step is the products in their order. Different sets cannot live in one process."""

    def __init__(self, tools, net, max_threads, probe_s):
        self.name = "products alone"
        self.us = None
        self.sets = {}
        for kernels in KERNEL_SETS:
            try:
                self.sets[kernels] = KernelSet(tools, kernels, net, max_threads)
            except WorkerError:
                continue  # not in this BLIS, or not for this CPU
        self.choice = self.choose(net, probe_s)

    def choose(self, net, probe_s):
        best = [None] * len(net.products())
        for kernels, worker in self.sets.items():
            for row in worker.ask(f"probe {probe_s}"):
                i = row["product"]
                if best[i] is None or row["us"] < best[i]["us"]:
                    best[i] = dict(row, kernels=kernels)
        return best

    def run(self, seconds):
        per_set = {}
        for row in self.choice:
            per_set.setdefault(row["kernels"], []).append(row)
        total = 0
        for kernels, rows in per_set.items():
            alone = sum(row["us"] for row in rows)
            rounds = max(2, round(seconds * 1e6 / alone / len(per_set)))
            calls = " ".join(f"{row['product']}:{row['threads']}:{row['sup']}" for row in rows)
            total += self.sets[kernels].ask(f"run {rounds} {calls}")["us"]
        self.us = total
        return total

    def describe(self, net):
        words = []
        for product, row in zip(net.products(), self.choice):
            words.append(f"{product[0]} {'x'.join(map(str, product[1:]))}: {row['kernels']} t{row['threads']}"
                         f"{' sup' if row['sup'] else ''}")
        return "; ".join(words)

    def close(self):
        for worker in self.sets.values():
            worker.close()
