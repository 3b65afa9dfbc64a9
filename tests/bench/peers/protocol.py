# SPDX-License-Identifier: MIT
"""The peers' side of tests/bench/workers.py: JSON lines on standard input are answered on standard output."""
import json
import os
import sys

THREADS = int(os.environ.get("BENCH_THREADS", "1"))


def pin():
    """Some libraries have no setting for all of their threads; a process on one core has one."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def serve(hello, open_net, run):
    """open_net(request) prepares a net; run(steps) gives seconds. What a library prints must not be taken for an answer."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(words):
        out.write(json.dumps(words) + "\n")
        out.flush()

    answer(hello)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "open":
                open_net(request)
                answer({})
            else:
                answer({"us_per_step": run(request["steps"]) * 1e6 / request["steps"]})
        except Exception as problem:  # pylint: disable=broad-except  # whatever a peer throws is its answer
            answer({"error": f"{type(problem).__name__}: {problem}".splitlines()[0]})
