#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# %% [markdown]
# # Sketch in Keras, train here
#
# A net is sketched and tried in real Keras 3; Lockstep trains it on, as on a cluster, and Keras opens the result: with the optimizer's
# state, so that its `fit` goes on where the cluster stopped. Run it from the top folder as a program, or cell by cell in an editor that
# knows `# %%`. It needs keras, one of its backends, h5py and numpy.

# %% The command; LOCKSTEP names another one than that of `cmake -B build`.
import os
import re
import subprocess
import tempfile

import h5py
import numpy as np

LOCKSTEP = os.path.abspath(os.environ.get("LOCKSTEP", "build/lockstep"))
work = tempfile.TemporaryDirectory()


def lockstep(*arguments):
    subprocess.run([LOCKSTEP, *arguments], cwd=work.name, check=True)


def path(name):
    return os.path.join(work.name, name)


# %% Data: points in a square, with the distance to its centre to be learnt.
def points(n, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (n, 2)).astype(np.float32)
    return x, np.linalg.norm(x, axis=1, keepdims=True).astype(np.float32)


for name, n in (("train", 2000), ("test", 500)):
    with h5py.File(path(f"{name}.h5"), "w") as file:
        file["x"], file["y"] = points(n, seed=n)

# %% The sketch, tried for an epoch on a little of the data.
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras  # noqa: E402

inputs = keras.Input((2,), name="point")
hidden = keras.layers.Dense(32, "gelu", kernel_initializer="he_normal")(inputs)
hidden = keras.layers.Dropout(0.02)(hidden)
hidden = keras.layers.Dense(32, "gelu", kernel_regularizer=keras.regularizers.L2(1e-6))(hidden)
sketch = keras.Model(inputs, keras.layers.Dense(1, name="distance")(hidden), name="sketch")
rate = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=400)
sketch.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4), keras.losses.Huber(delta=0.5), metrics=["mae"])
sketch.fit(*points(320, seed=320), batch_size=32, epochs=1, verbose=2)
sketch.save(path("sketch.keras"))

# %% Lockstep goes on from it: architecture, compile settings, weights and the optimizer's state are the file's.
# `mpirun -n 4 lockstep train ...` would give the same bits.
with open(path("train.yaml"), "w", encoding="utf-8") as file:
    file.write("""
model: {from: sketch.keras}
data: {train: train.h5, test: test.h5}
fit: {epochs: 6, batch_size: 64}
callbacks:
  - ModelCheckpoint: {filepath: "epoch{epoch:02d}.keras"}
""")
lockstep("train", "train.yaml", "--out", "run", "--verbose", "2")

# %% Keras opens the last epoch: the same model by its config, better by its error.
trained = keras.models.load_model(path("run/epoch06.keras"))
before, after = (model.evaluate(*points(500, seed=500), return_dict=True, verbose=0) for model in (sketch, trained))
print(f"Keras: mean absolute error {before['mae']:.4f} as sketched, {after['mae']:.4f} as trained")


def told(model):
    """get_config() of everything, without the numbers Keras gives its objects in this process."""
    return re.sub(r', "shared_object_id": \d+', "", model.to_json())


assert told(trained) == told(sketch)
assert after["mae"] < before["mae"] / 2

# %% The optimizer's state came along: 10 steps in Keras, 6 epochs of 32 steps here.
assert int(trained.optimizer.iterations) == 10 + 6 * 32
history = trained.fit(*points(2000, seed=2000), batch_size=64, epochs=2, verbose=2).history
assert history["mae"][-1] < before["mae"] / 2

# %% And to look at the run's model where only Keras 2 is at hand: `model.h5` opens there, too.
assert os.path.getsize(path("run/model.h5")) > 0
