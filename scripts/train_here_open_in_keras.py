#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# %% [markdown]
# # Train here, open in Keras
#
# Lockstep trains a small net; real Keras 3 opens its `model.h5`, predicts the same and trains on. Run it from the top folder
# as a program, or cell by cell in an editor that knows `# %%`. It needs keras, one of its backends, h5py and numpy.

# %% The command; LOCKSTEP names another one than that of `cmake -B build`.
import os
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


# %% Data: two arms of a spiral, in HDF5: `x` with samples first, `y` with labels.
def spiral(n, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    turn = rng.random(n) * 2.5
    angle = turn * np.pi + label * np.pi
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) + rng.normal(0, 0.07, (n, 2))
    return x.astype(np.float32), label.astype(np.int32)


for name, n in (("train", 2000), ("test", 500)):
    with h5py.File(path(f"{name}.h5"), "w") as file:
        file["x"], file["y"] = spiral(n, seed=n)

# %% The model and its training. `mpirun -n 4 lockstep train ...` would give the same bits.
with open(path("spiral.yaml"), "w", encoding="utf-8") as file:
    file.write("""
model:
  layers:
    - Input: {shape: [2]}
    - Dense: {units: 64, activation: relu}
    - BatchNormalization: {momentum: 0.9}
    - Dense: {units: 64, activation: gelu}
    - Dense: {units: 2, activation: softmax}
compile:
  optimizer: {name: Adam, learning_rate: 0.01}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
data: {train: train.h5, test: test.h5}
fit: {epochs: 8, batch_size: 64}
""")
lockstep("train", "spiral.yaml", "--out", "run", "--verbose", "2")

# %% Keras opens the model, compiled as it was, and finds the same accuracy.
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras  # noqa: E402

model = keras.models.load_model(path("run/model.h5"))
model.summary()
x, y = spiral(500, seed=500)
loss, accuracy = model.evaluate(x, y, verbose=0)
print(f"Keras: test loss {loss:.4f}, accuracy {accuracy:.4f}")
assert accuracy > 0.9

# %% The same predictions, but for the rounding of float32.
lockstep("predict", "run/model.h5", "test.h5", "--out", "predictions.npy")
ours, theirs = np.load(path("predictions.npy")), model.predict(x, verbose=0)
print(f"largest difference of a probability: {np.abs(ours - theirs).max():.1e}")
assert np.allclose(ours, theirs, rtol=0, atol=1e-5)

# %% And Keras trains on.
history = model.fit(*spiral(2000, seed=2000), batch_size=64, epochs=2, verbose=2).history
assert history["loss"][-1] < 0.5

# %% To other programs than Keras: ONNX, for onnxruntime.
lockstep("export", "run/model.h5", "model.onnx")
print(f"model.onnx: {os.path.getsize(path('model.onnx'))} bytes")
