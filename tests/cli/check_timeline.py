# SPDX-License-Identifier: MIT
"""Is it a sound timeline? Usage: check_timeline.py FILE RANKS FIRST_STEP STEPS"""
import json
import sys

PHASES = {"forward", "forward first \"one\"", "forward dense", "loss", "backward, bucket 0", "backward first \"one\"",
          "backward dense", "post bucket 0", "fetch", "wait for the exchange", "reduce loss and flags", "update", "callbacks",
          "checkpoint"}
SLACK_US = 0.002  # of printing three digits


def check(condition, text):
    if not condition:
        sys.exit(f"the timeline is wrong: {text}")


def nests(events):
    """On one thread, two spans either contain each other or do not meet."""
    stack = []
    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        while stack and stack[-1]["ts"] + stack[-1]["dur"] <= event["ts"] + SLACK_US:
            stack.pop()
        if stack and event["ts"] + event["dur"] > stack[-1]["ts"] + stack[-1]["dur"] + SLACK_US:
            return f"{event['name']} ends after {stack[-1]['name']}, in which it began"
        stack.append(event)
    return None


def main(path, ranks, first, count):
    with open(path, encoding="utf-8") as file:
        timeline = json.load(file)
    spans = [event for event in timeline["traceEvents"] if event["ph"] == "X"]
    check({event["pid"] for event in spans} == set(range(ranks)), "not all ranks are there")
    check(all(event["ts"] >= 0 and event["dur"] >= 0 for event in spans), "a time is negative")
    check(len(timeline["otherData"]["ranks"]) == ranks, "not all ranks say how they started")
    for rank in range(ranks):
        mine = [event for event in spans if event["pid"] == rank]
        names = [event["name"] for event in mine if event["tid"] == 0]
        check(PHASES <= set(names), f"rank {rank} lacks {PHASES - set(names)}")
        steps = [int(name.split()[1]) for name in names if name.startswith("step ")]
        check(steps == list(range(first, first + count)), f"rank {rank} has steps {steps}")
        for thread in {event["tid"] for event in mine}:
            wrong = nests([event for event in mine if event["tid"] == thread])
            check(wrong is None, f"rank {rank}, thread {thread}: {wrong}")
        start = timeline["otherData"]["ranks"][rank]
        check(start["launch_s"] <= start["first_step_s"] and start["dropped"] == 0, f"rank {rank} starts with {start}")
    print(f"{ranks} rank(s), steps {first} to {first + count - 1}: sound")


main(sys.argv[1], *map(int, sys.argv[2:5]))
