# SPDX-License-Identifier: MIT
"""Model files both ways: real Keras opens ours compiled and predicts the same; ours opens real Keras's."""
import os
import sys
import tempfile

import absl.logging
import h5py
import keras
import numpy as np

from nets import random_model
from oracle import Oracle, Report
import reference
from tasks import TASKS, TEXTS, targets

absl.logging.set_verbosity(absl.logging.ERROR)
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)
oracle, report = Oracle(sys.argv[1]), Report()
if keras.backend.backend() == "numpy":  # whose sum does not take the list of losses that evaluate() hands it
    keras.src.backend.numpy.sum = lambda x, axis=None, keepdims=False: np.sum(np.asarray(x), axis=axis, keepdims=keepdims)
folder = tempfile.TemporaryDirectory()

def path(name):
    return os.path.join(folder.name, name)


def adapt(model, x):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            layer.adapt(x)
            break  # a later one would need the output of those before


def predictions(kind, ours, model, x, case):
    """Against what the net gives in double precision: as near as float32 is, or, where it is ill-conditioned, as near as Keras is."""
    keras_s, exact = model.predict(x, verbose=0).reshape(len(x), -1), reference.predict(model, x)
    scale = max(np.abs(exact).max(), 0.01)  # what cancels to nothing has the digits of what it came from
    theirs = float(np.abs(keras_s - exact).max() / scale)
    report.close(f"{kind}: predictions", ours, exact, min(max(2e-5, 2 * theirs), 1e-3), scale=scale, case=case)
    report.close(f"{kind}: Keras's own", keras_s, exact, 1e-3, scale=scale, case=case)


def clipped(loss, probabilities):
    """Keras on JAX and NumPy clips probabilities at 1e-7, ours (as Keras on TensorFlow) goes back to the logits."""
    return "crossentropy" in loss and bool(np.any((probabilities < 1e-6) | (probabilities > 1 - 1e-6)))


def round_trip(number):
    """Keras saves, ours loads, trains and saves, Keras loads: predictions, compile, fit."""
    loss, last, metrics, kind = TASKS[number % len(TASKS)]
    optimizer = TEXTS[number % len(TEXTS)]
    case = f"{number}: {optimizer} {loss}"
    model = random_model(rng, last=last)
    rows, n = 21, model.output_shape[-1]
    x, y = rng.standard_normal((rows, *model.input_shape[1:])).astype(np.float32), targets(rng, kind, rows, n)
    adapt(model, x)
    model.save(path("keras.h5"))

    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), epochs=0)
    predictions("Keras -> ours", ours["predict"], model, x, case)

    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), save=path("ours.h5"), epochs=1, batch_size=8, evaluate=True,
                         optimizer=optimizer, loss=loss, metrics=metrics)
    back = keras.models.load_model(path("ours.h5"))
    predictions("ours -> Keras", ours["predict"], back, x, case)
    report.true("ours -> Keras: compiled", back.compiled and back.optimizer is not None, case)
    report.true("ours -> Keras: optimizer", optimizer.lower().startswith(back.optimizer.__class__.__name__.lower()),
                f"{case} {back.optimizer.__class__.__name__}")
    values = back.evaluate(x, y, batch_size=7, verbose=0)
    if not clipped(loss, ours["predict"]):
        report.close("ours -> Keras: evaluate, loss", reply["evaluate"][0], values[0] if isinstance(values, list) else values, 2e-5,
                     floor=0.1, case=case)
    if not any("(" in m for m in metrics):
        report.close("ours -> Keras: evaluate, metrics", reply["evaluate"][1:], values[1:], 2e-5, floor=0.1, case=case)
    # Nothing is lost when ours reads its own file, and what Keras saved from it is the same model again.
    again, same = oracle("fit", {"x": x, "y": y}, model=path("ours.h5"), epochs=0, evaluate=True)
    report.true("ours -> ours: same bits", np.array_equal(same["predict"], ours["predict"]) and again["evaluate"] == reply["evaluate"], case)
    back.save(path("keras2.h5"))
    _, third = oracle("fit", {"x": x}, model=path("keras2.h5"), epochs=0)
    predictions("Keras compiled -> ours", third["predict"], back, x, case)


def edited_by_h5py():
    """The seal that ends our files does not survive an edit; the weights' digest does, and says so."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(path("keras.h5"))
    oracle("resave", model=path("keras.h5"), save=path("ours.h5"))
    with h5py.File(path("ours.h5"), "r+") as file:
        file["model_weights/dense/dense/bias:0" if "dense" in file["model_weights"] else
             f"model_weights/{model.layers[0].name}/{model.layers[0].name}/bias:0"][0] = 5
    try:
        oracle("resave", model=path("ours.h5"), save=path("again.h5"))
        report.true("edited by h5py: noticed", False)
    except Exception as error:  # pylint: disable=broad-except
        report.true("edited by h5py: noticed", "LS_ERR_CORRUPT" in str(error), str(error))
    with h5py.File(path("ours.h5"), "r+") as file:
        del file["lockstep"].attrs["digest"]
    _, ours = oracle("resave", model=path("ours.h5"), save=path("again.h5"))
    report.true("edited by h5py: on purpose", ours["w1"][0] == 5)


for i in range(int(os.environ.get("LS_INTEROP_MODELS", "35"))):
    round_trip(i)
edited_by_h5py()
report.finish()
