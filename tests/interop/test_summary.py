# SPDX-License-Identifier: MIT
"""`lockstep summary FILE` prints what model.summary() prints, byte for byte."""
import io
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout

import absl.logging
import keras
import numpy as np

from keras3 import OPTIMIZERS
from nets import as_functional, random_model
from oracle import Report

absl.logging.set_verbosity(absl.logging.ERROR)
rng = np.random.default_rng(61)
report = Report()
folder = tempfile.TemporaryDirectory()
NAMES = ["a_layer_with_a_name_of_some_length", "one/two", "dense_of_more_characters_than_a_cell_can_hold_in_one_line", "größe", "x"]


def widen(model):
    """Names and sizes at the edges of the columns."""
    units = int(rng.choice([1, 10, 1000, 12345]))
    name = str(rng.choice(NAMES)) if rng.random() < 0.6 else None
    layer = keras.layers.Dense(units, name=name.replace("/", "_") if name else None, trainable=bool(rng.random() < 0.7))
    return keras.Sequential([keras.Input(model.input_shape[1:]), *model.layers, layer], name=str(rng.choice(["net", "sequential"])))


def compare(number):
    model = random_model(rng)
    if number % 3 == 1:
        model = as_functional(model, rng)
    elif number % 3 == 2:
        model = widen(model)
    if number % 2:
        model.compile(OPTIMIZERS[number % len(OPTIMIZERS)](), "mse")
        model.optimizer.build(model.trainable_variables)
    file = os.path.join(folder.name, "model.keras")
    model.save(file)
    model = keras.models.load_model(file)
    text = io.StringIO()
    with redirect_stdout(text):
        model.summary()
    done = subprocess.run([sys.argv[2], "summary", file], capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "80"})
    report.true("summary", done.stdout.rstrip("\n") == text.getvalue().rstrip("\n"), f"{number}\n{done.stdout}{done.stderr}\n{text.getvalue()}")


for i in range(int(os.environ.get("LS_INTEROP_MODELS", "40"))):
    compare(i)
report.finish()
