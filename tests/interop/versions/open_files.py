# SPDX-License-Identifier: MIT
"""Whatever version of Keras runs this opens the files of make_files.py. Arguments: ORACLE FOLDER"""
import glob
import os
import sys
import warnings

import keras
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from oracle import Oracle, Report  # noqa: E402

warnings.filterwarnings("error", message=".*(optimizer|Skipping).*")
oracle, report, folder = Oracle(sys.argv[1]), Report(), sys.argv[2]
data = np.load(os.path.join(folder, "data.npz"))
x, y = data["x"], data["y"]


def opened(name):
    expected = np.load(f"{name}.npz")["predict"]
    back = keras.models.load_model(f"{name}.keras")
    report.close("opened .keras: predictions", back.predict(x, verbose=0), expected, 2e-5, floor=1e-6, case=name)
    report.true("opened .keras: iteration", int(np.asarray(back.optimizer.iterations)) == 10, name)
    report.true("opened .keras: compiled", back.compiled, name)
    for v in back.weights:
        v.assign(np.zeros(v.shape))
    back.load_weights(f"{name}.weights.h5")
    report.close("opened .weights.h5: predictions", back.predict(x, verbose=0), expected, 2e-5, floor=1e-6, case=name)
    old = keras.models.load_model(f"{name}.h5")
    report.close("opened .h5: predictions", old.predict(x, verbose=0), expected, 2e-5, floor=1e-6, case=name)
    report.true("opened .h5: compiled", old.compiled and np.isfinite(old.evaluate(x, y, verbose=0)[0]), name)
    if getattr(back.optimizer, "centered", False) and keras.__version__.startswith("3.0."):
        return  # which does not train so on JAX, whoever made the model
    # The dropout layer draws from each side's own generator: training that goes on is compared without it (test_keras3_files.py).
    history = back.fit(x, y, batch_size=16, epochs=4, shuffle=False, verbose=0).history
    report.true("opened .keras: fit goes on", np.isfinite(history["loss"]).all(), name)


for file in sorted(glob.glob(os.path.join(folder, "*.npz"))):
    if not file.endswith("data.npz"):
        opened(file[: -len(".npz")])
report.finish()
