# SPDX-License-Identifier: MIT
"""One claim a module: measure(bench, net) or measure(bench) gives rows for the table (row.py)."""
