# SPDX-License-Identifier: MIT
"""What the comparisons of single elements share."""
import keras
import numpy as np

rng = np.random.default_rng(7)
# Few of them: JAX compiles for every new shape.
SHAPES = [(33, 7), (1, 3), (20, 1)]


def f4(*shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def keras_object(module, text):
    """Our call notation is Python's."""
    if "(" not in text:
        return module.get(text)
    return eval(text, {**vars(module), "schedules": keras.optimizers.schedules})  # pylint: disable=eval-used
