# SPDX-License-Identifier: MIT
"""Model files both ways: real Keras opens ours compiled, predicts the same and can train on; ours opens real Keras's."""
import os
import sys
import tempfile

import absl.logging
import h5py
import keras
import numpy as np

from nets import random_model
from oracle import Oracle, Report

absl.logging.set_verbosity(absl.logging.ERROR)
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)
oracle, report = Oracle(sys.argv[1]), Report()
folder = tempfile.TemporaryDirectory()

OPTIMIZERS = [
    "rmsprop", "SGD(0.05)", "SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0)", "Adam(0.002, amsgrad=True, clipvalue=0.5)",
    "AdamW(0.002, weight_decay=0.01)", "Adagrad(0.01, global_clipnorm=2.0)", "RMSprop(0.003, momentum=0.5, centered=True)",
    "Adam(CosineDecay(0.01, 100, alpha=0.1))", "SGD(ExponentialDecay(0.1, 10, 0.9, staircase=True), momentum=0.5)",
    "SGD(PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01]))", "Adam(PolynomialDecay(0.01, 50))", "SGD(InverseTimeDecay(0.1, 5, 0.5))",
    "Adam(CosineDecay(0.001, 50, warmup_target=0.01, warmup_steps=5))", "SGD(CosineDecayRestarts(0.1, 12))",
    "SGD(LinearWarmup(0.1, 10))", "SGD(Constant(0.2))",
]
# (loss, last activation, metrics, target)
TASKS = [
    ("sparse_categorical_crossentropy", "softmax", ["accuracy", "sparse_top_k_categorical_accuracy"], "label"),
    ("SparseCategoricalCrossentropy(from_logits=True)", "linear", ["acc", "SparseTopKCategoricalAccuracy(k=2)"], "label"),
    ("CategoricalCrossentropy(label_smoothing=0.1)", "softmax", ["categorical_accuracy", "ce", "top_k_categorical_accuracy"], "hot"),
    ("binary_crossentropy", "sigmoid", ["binary_accuracy", "Precision(thresholds=0.4)", "recall", "bce"], "bits"),
    ("mse", "linear", ["mae", "mse", "rmse", "Accuracy"], "values"), ("Huber(delta=0.5)", "tanh", ["root_mean_squared_error"], "values"),
    ("mean_absolute_error", "linear", ["mean_squared_error"], "values"),
]


def path(name):
    return os.path.join(folder.name, name)


def targets(kind, rows, n):
    label = rng.integers(0, n, rows).astype(np.int32)
    if kind == "label":
        return label
    if kind == "hot":
        return np.eye(n, dtype=np.float32)[label]
    return rng.standard_normal((rows, n)).astype(np.float32) if kind == "values" else rng.integers(0, 2, (rows, n)).astype(np.float32)


def adapt(model, x):
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            layer.adapt(x)
            break  # a later one would need the output of those before


def round_trip(number):
    """Keras saves, ours loads, trains and saves, Keras loads: predictions, compile, fit."""
    loss, last, metrics, kind = TASKS[number % len(TASKS)]
    optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
    case = f"{number}: {optimizer} {loss}"
    model = random_model(rng, last=last)
    rows, n = 21, model.output_shape[-1]
    x, y = rng.standard_normal((rows, *model.input_shape[1:])).astype(np.float32), targets(kind, rows, n)
    adapt(model, x)
    model.save(path("keras.h5"))

    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), epochs=0)
    expected = model.predict(x, verbose=0)
    report.close("Keras -> ours: predictions", ours["predict"], expected.reshape(rows, -1), 2e-5, floor=1e-6, case=case)

    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("keras.h5"), save=path("ours.h5"), epochs=1, batch_size=8, evaluate=True,
                         optimizer=optimizer, loss=loss, metrics=metrics)
    back = keras.models.load_model(path("ours.h5"))
    expected = back.predict(x, verbose=0)
    report.close("ours -> Keras: predictions", ours["predict"], expected.reshape(rows, -1), 2e-5, floor=1e-6, case=case)
    report.true("ours -> Keras: compiled", back.compiled and back.optimizer is not None, case)
    report.true("ours -> Keras: optimizer", optimizer.lower().startswith(back.optimizer.__class__.__name__.lower()),
                f"{case} {back.optimizer.__class__.__name__}")
    values = back.evaluate(x, y, batch_size=7, verbose=0)
    report.close("ours -> Keras: evaluate, loss", reply["evaluate"][0], values[0] if isinstance(values, list) else values, 2e-5,
                 floor=0.1, case=case)
    if not any("(" in m for m in metrics):
        report.close("ours -> Keras: evaluate, metrics", reply["evaluate"][1:], values[1:], 2e-5, floor=0.1, case=case)
    before = [np.asarray(v.value) for v in back.trainable_variables]
    history = back.fit(x, y, batch_size=8, epochs=1, verbose=0).history
    report.true("ours -> Keras: fit goes on", np.isfinite(history["loss"][0]), case)
    report.true("ours -> Keras: fit trains", not before or any((np.asarray(v.value) != b).any()
                                                             for v, b in zip(back.trainable_variables, before)), case)

    # Nothing is lost when ours reads its own file, and what Keras saved from it is the same model again.
    again, same = oracle("fit", {"x": x, "y": y}, model=path("ours.h5"), epochs=0, evaluate=True)
    report.true("ours -> ours: same bits", np.array_equal(same["predict"], ours["predict"]) and again["evaluate"] == reply["evaluate"], case)
    back.save(path("keras2.h5"))
    _, third = oracle("fit", {"x": x}, model=path("keras2.h5"), epochs=0)
    report.close("Keras compiled -> ours: predictions", third["predict"], back.predict(x, verbose=0).reshape(rows, -1), 2e-5,
                 floor=1e-6, case=case)


def compiled_by_keras():
    """training_config as real Keras writes it, with its optimizer weights, is understood."""
    for optimizer in [keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.RMSprop(0.01, centered=True), keras.optimizers.Adam(0.01),
                      keras.optimizers.AdamW(0.01), keras.optimizers.Adagrad(0.1), keras.optimizers.Adam(clipnorm=1.0),
                      keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 100))]:
        for functional in (False, True):
            if functional:
                inputs = keras.Input((4,))
                model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Dense(5, "relu")(inputs)))
            else:
                model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3, "softmax")])
            model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
            x, y = rng.standard_normal((10, 4)).astype(np.float32), rng.integers(0, 3, 10).astype(np.int32)
            model.fit(x, y, verbose=0)
            model.save(path("compiled.h5"))
            reply, ours = oracle("fit", {"x": x, "y": y}, model=path("compiled.h5"), epochs=0, evaluate=True)
            case = f"{optimizer.__class__.__name__} functional {functional}"
            report.close("Keras compiled: predictions", ours["predict"], model.predict(x, verbose=0), 1e-5, case=case)
            report.close("Keras compiled: evaluate", reply["evaluate"], model.evaluate(x, y, verbose=0), 1e-5, case=case)
            optimizer = optimizer.__class__.from_config(optimizer.get_config())


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


for i in range(35):
    round_trip(i)
compiled_by_keras()
edited_by_h5py()
report.finish()
