# SPDX-License-Identifier: MIT
"""Our side of the comparisons (the process of oracle.c), and how differences are counted."""
import atexit
import json
import os
import subprocess
import sys

import numpy as np

TYPES = {"f4": np.float32, "f8": np.float64, "i4": np.int32}


class OracleError(Exception):
    """The oracle refused a request."""


class Oracle:
    """One process for all requests of a test."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.close)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            if self.process.wait(60) != 0:
                sys.exit(f"the oracle ended with {self.process.returncode}")

    def __call__(self, op, arrays=None, **arguments):
        """Returns (values, arrays)."""
        arrays = {k: np.ascontiguousarray(v) for k, v in (arrays or {}).items() if v is not None}
        codes = {np.dtype(t): c for c, t in TYPES.items()}
        header = [[k, codes[v.dtype], list(v.shape)] for k, v in arrays.items()]
        request = {"op": op, "arrays": header, **arguments}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        for v in arrays.values():
            self.process.stdin.write(v.tobytes())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the oracle died at request {request}")
        reply, out = json.loads(line), {}
        for name, code, shape in reply.pop("arrays"):
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(TYPES[code]).itemsize
            out[name] = np.frombuffer(self.process.stdout.read(size), TYPES[code]).reshape(shape)
        if "error" in reply:
            raise OracleError(f"{reply['error']}: {reply['message']}")
        return reply, out


def wanted(section):
    """LS_ONLY=losses,optimizers runs these sections of a test alone."""
    only = os.environ.get("LS_ONLY")
    return not only or section in only.split(",")


class Report:
    """Collects cases; finish() prints the worst of each kind and fails if any was beyond its bound."""

    def __init__(self):
        self.rows = {}
        self.failures = []
        self.cases = 0

    def close(self, kind, ours, keras, bound, scale=None, floor=1e-30, case=""):
        """max |ours - keras| / scale <= bound; scale: the largest |keras| unless given."""
        ours, keras = np.asarray(ours, np.float64), np.asarray(keras, np.float64)
        self.cases += 1
        if ours.shape != keras.shape:
            self.failures.append(f"{kind} {case}: shapes {ours.shape} and {keras.shape}")
            return
        if ours.size == 0:
            return
        if scale is None:
            scale = np.abs(keras).max()
        with np.errstate(invalid="ignore"):
            error = np.abs(ours - keras) / np.maximum(scale, floor)
        same = (ours == keras) | (np.isnan(ours) & np.isnan(keras))
        error = np.where(same, 0.0, error)
        worst = float(np.nan_to_num(error, nan=np.inf, posinf=np.inf).max())
        self.rows[kind] = max(self.rows.get(kind, (0.0, bound)), (worst, bound))
        if not worst <= bound:
            at = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
            self.failures.append(f"{kind} {case}: {worst:.3g} > {bound:.3g} at {tuple(map(int, at))}: "
                                 f"ours {ours[at]!r}, Keras {keras[at]!r}")

    def true(self, kind, condition, case=""):
        self.cases += 1
        self.rows.setdefault(kind, (0.0, 0.0))
        if not condition:
            self.failures.append(f"{kind}: {case}")

    def finish(self):
        width = max((len(k) for k in self.rows), default=0)
        for kind, (worst, bound) in self.rows.items():
            print(f"  {kind:{width}}  {worst:9.2e}  (bound {bound:.0e})" if bound else f"  {kind}")
        for failure in self.failures[:60]:
            print("FAILED:", failure)
        print(f"{self.cases} comparisons, {len(self.failures)} failed")
        sys.stdout.flush()
        sys.exit(1 if self.failures or not self.cases else 0)
