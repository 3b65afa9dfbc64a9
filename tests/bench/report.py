# SPDX-License-Identifier: MIT
"""The table as text, CSV and JSON."""
import csv
import json

from row import CLAIMS, NETS

COLUMNS = ["claim", "case", "value", "low", "high", "target", "met", "ours", "theirs"]


def digits(value):
    return f"{value:.2f}" if value < 99.5 else f"{value:.0f}"


def format_row(row):
    unit = CLAIMS[row["claim"]][1]
    value = f"{digits(row['value'])}{unit}"
    spread = f"{digits(row['low'])}-{digits(row['high'])}"
    goal = "" if row["target"] is None else f"{row['target']:g}{unit}"
    mark = {True: "met", False: "MISSED", None: ""}[row["met"]]
    return f"  {row['case']:<11} {value:>8}  {spread:>13}  {goal:>7}  {mark:<6}  {row['ours']} / {row['theirs']}"


class Table:
    """Prints rows as they come, under a heading for each claim."""

    def __init__(self):
        self.claim = None

    def heading(self, claim):
        if claim != self.claim:
            title, _, more, _ = CLAIMS[claim]
            print(f"\n{title} ({'more' if more else 'less'} is better): ratio, spread, target", flush=True)
        self.claim = claim

    def add(self, rows):
        for row in rows:
            self.heading(row["claim"])
            print(format_row(row), flush=True)


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path, machine, versions, rows):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"machine": machine, "versions": versions, "rows": rows}, file, indent=1)
        file.write("\n")


def _cell(found):
    """All figures of a claim and case: value and spread; those that reach their target are bold."""
    texts = []
    for row in found:
        unit = CLAIMS[row["claim"]][1]
        text = f"{digits(row['value'])}{unit} ({digits(row['low'])}-{digits(row['high'])})"
        texts.append(f"**{text}**" if row["met"] else text)
    return ", ".join(texts)


def _goals(claim):
    goal, unit = CLAIMS[claim][3], CLAIMS[claim][1]
    return "" if goal is None else " / ".join(f"{g:g}{unit}" for g in (goal if isinstance(goal, list) else [goal]))


def write_markdown(path, rows):
    """A table with a column for each net, and one of what belongs to none."""
    lines = ["| what | target | " + " | ".join(NETS) + " |", "|---" * (2 + len(NETS)) + "|"]
    others = []
    for claim, (title, _, more, _) in CLAIMS.items():
        found = [row for row in rows if row["claim"] == claim]
        heading = f"| {title} ({'more' if more else 'less'} is better) | {_goals(claim)} | "
        cells = [_cell([row for row in found if row["case"] == net]) for net in NETS]
        if any(cells):
            lines.append(heading + " | ".join(cells) + " |")
        for case in dict.fromkeys(row["case"] for row in found if row["case"] not in NETS):
            others.append(f"| {title}: {case} | {_goals(claim)} | {_cell([row for row in found if row['case'] == case])} |")
    if others:
        lines += ["", "| what | target | |", "|---|---|---|", *others]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
