# SPDX-License-Identifier: MIT
"""Keras 3's files both ways: every variable's bits, and configs."""
import json
import os
import zipfile

import h5py
import keras
import numpy as np

from keras3 import NADAM_MOVED, OPTIMIZERS, begin, plain, same, values, weights_of
from nets import as_functional, random_model
from oracle import wanted

rng, oracle, report, path = begin()
LOSSES = [
    ("sparse_categorical_crossentropy", ["accuracy"], "softmax"),
    (keras.losses.SparseCategoricalCrossentropy(from_logits=True), [keras.metrics.SparseTopKCategoricalAccuracy(k=2)], "linear"),
    (keras.losses.sparse_categorical_crossentropy, [keras.metrics.sparse_categorical_accuracy, "ce"], "softmax"),
    ("mse", [["mae", keras.metrics.RootMeanSquaredError()]], "tanh"), (keras.losses.Huber(delta=0.5, name="mine"), None, "linear"),
    (keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
     ["categorical_accuracy", keras.metrics.CategoricalAccuracy(name="hits"), keras.metrics.MeanMetricWrapper(keras.losses.mean_squared_error, name="gap")],
     "softmax"),
    ("binary_crossentropy", [keras.metrics.Precision(thresholds=0.4), "Recall", "acc"], "sigmoid"),
    ("MSE", ["mae"], "linear"), (["mse"], [], "linear"),
    ("crossentropy", [keras.metrics.Precision(thresholds=[0.3, 0.6]), keras.metrics.F1Score()], "softmax"),
]


def add_losses(losses, metrics):
    """Those with arguments of their own, as far as this version of Keras has them."""
    made = [("BinaryFocalCrossentropy", {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.3}, "AUC", {"num_thresholds": 50, "curve": "PR", "name": "area"}, "sigmoid"),
            ("CategoricalFocalCrossentropy", {"gamma": 1.5, "label_smoothing": 0.1}, "F1Score", {"average": "macro"}, "softmax"),
            ("CategoricalGeneralizedCrossEntropy", {"q": 0.4}, "TopKCategoricalAccuracy", {"k": 2, "name": "top2"}, "softmax"),
            ("CosineSimilarity", {"name": "angle"}, "CosineSimilarity", {}, "linear"), ("Dice", {}, "MeanSquaredLogarithmicError", {}, "sigmoid"),
            ("Tversky", {"alpha": 0.3, "beta": 0.7}, "BinaryIoU", {}, "sigmoid"), ("LogCosh", {}, "LogCoshError", {}, "linear"),
            ("KLDivergence", {}, "KLDivergence", {"name": "kl"}, "softmax"), ("Poisson", {}, "Poisson", {}, "softplus"),
            ("MeanAbsolutePercentageError", {}, "MeanAbsolutePercentageError", {}, "linear"),
            ("MeanSquaredLogarithmicError", {}, "BinaryCrossentropy", {"from_logits": True}, "softplus"),
            ("Hinge", {}, "Hinge", {}, "tanh"), ("SquaredHinge", {}, "SquaredHinge", {}, "tanh"), ("CategoricalHinge", {}, "CategoricalHinge", {}, "softmax"),
            ("BinaryCrossentropy", {"label_smoothing": 0.2}, "BinaryAccuracy", {"threshold": 0.3}, "sigmoid"),
            ("SparseCategoricalCrossentropy", {"name": "classes"}, "SparseCategoricalCrossentropy", {}, "softmax")]
    for loss, loss_arguments, metric, metric_arguments, last in made:
        if hasattr(losses, loss) and hasattr(metrics, metric):
            LOSSES.append((getattr(losses, loss)(**loss_arguments), [getattr(metrics, metric)(**metric_arguments)], last))


add_losses(keras.losses, keras.metrics)
HOW = [{}, {"weighted_metrics": ["mse"]}, {"run_eagerly": True}, {"jit_compile": False, "steps_per_execution": 3}, {"loss_weights": [0.3] if NADAM_MOVED else 0.3}, {"loss_weights": [2.0]}]


def scramble(model):
    """Weights and optimizer state that a lossy path would change."""
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    unused = set()
    if optimizer.__class__.__name__ == "Adafactor":  # which makes variables for what it does not do to vectors, or to matrices
        for weight, row, column, whole in zip(model.trainable_variables, optimizer._r, optimizer._c, optimizer._v):
            unused |= {id(v) for v in ((row, column) if len(weight.shape) < 2 else (whole,))}
    for v in model.weights + optimizer.variables:
        if id(v) in unused:
            continue
        if v.name == "learning_rate":
            v.assign(rng.random())
        elif "int" in str(v.dtype):
            v.assign(int(rng.integers(1, 1000)) if v.name == "iteration" else 0)  # Adafactor's others stand for nothing
        else:
            v.assign(rng.random(v.shape).astype(np.float32))


def bits(number):
    """Keras -> ours -> Keras -> ours."""
    loss, metrics, last = LOSSES[number % len(LOSSES)]
    model = random_model(rng, last=last)
    if number % 3 == 1:
        model = as_functional(model, rng)
    model.compile(OPTIMIZERS[number % len(OPTIMIZERS)](), loss, metrics=metrics, **HOW[number % len(HOW)])
    if NADAM_MOVED and isinstance(model.optimizer, keras.optimizers.Nadam):
        return
    scramble(model)
    case = f"{number}: {model.optimizer.name}"
    model.save(path("keras.keras"))
    _, got = oracle("resave", model=path("keras.keras"), save=path("ours.keras"))
    report.true("Keras -> ours: weights' bits", same(weights_of(got, model), values(model.weights)), case)
    back = keras.models.load_model(path("ours.keras"))
    report.true("ours -> Keras: weights' bits", same(values(back.weights), values(model.weights)), case)
    report.true("ours -> Keras: optimizer's bits", same(values(back.optimizer.variables), values(model.optimizer.variables)), case)
    report.true("ours -> Keras: get_config", plain(back.get_config()) == plain(model.get_config()),
                f"{case}\n{plain(back.get_config())}\n{plain(model.get_config())}")
    report.true("ours -> Keras: optimizer's config", plain(back.optimizer.get_config()) == plain(model.optimizer.get_config()),
                f"{case} {back.optimizer.get_config()} {model.optimizer.get_config()}")
    if number % 3 != 1:  # without Keras's own words, as for a model that was made here
        oracle("resave", model=path("keras.keras"), save=path("anew.keras"), forget=True)
        anew = keras.models.load_model(path("anew.keras"))
        report.true("written anew -> Keras: get_config", plain(anew.get_config()) == plain(model.get_config()),
                    f"{case}\n{plain(anew.get_config())}\n{plain(model.get_config())}")
        report.true("written anew -> Keras: optimizer's config", plain(anew.optimizer.get_config()) == plain(model.optimizer.get_config()),
                    f"{case} {anew.optimizer.get_config()} {model.optimizer.get_config()}")
        mine, theirs = (plain(m.get_compile_config()) for m in (anew, model))
        if isinstance(theirs["loss"], dict) and theirs["loss"].get("class_name") != "function":
            report.true("written anew -> Keras: loss's config", mine["loss"] == theirs["loss"], f"{case} {mine['loss']} {theirs['loss']}")
    report.true("ours -> Keras: compile's config", plain(back.get_compile_config()) == plain(model.get_compile_config()),
                f"{case}\n{plain(back.get_compile_config())}\n{plain(model.get_compile_config())}")
    if number % 4 == 0:
        bits_of_weights_file(model, back, case)
    # ours -> Keras -> ours: the same file again, as Keras writes it
    back.save(path("again.keras"))
    _, again = oracle("resave", model=path("again.keras"), save=path("third.keras"))
    with open(path("ours.keras"), "rb") as one, open(path("third.keras"), "rb") as two:
        report.true("ours -> Keras -> ours: weights' bits", same(weights_of(again, model), weights_of(got, model)), case)
        one_zip, two_zip = zipfile.ZipFile(one), zipfile.ZipFile(two)
        report.true("ours -> Keras -> ours: config.json", one_zip.read("config.json") == two_zip.read("config.json"),
                    f"{case}\n{one_zip.read('config.json')}\n{two_zip.read('config.json')}")


def bits_of_weights_file(model, back, case):
    """The weights alone, both ways; `back` is changed and comes back the same."""
    model.save_weights(path("keras.weights.h5"))
    _, got = oracle("load_weights", model=path("ours.keras"), weights=path("keras.weights.h5"), save=path("ours.weights.h5"))
    for v in back.weights + back.optimizer.variables:
        v.assign(np.zeros(v.shape, v.dtype))
    back.load_weights(path("ours.weights.h5"))
    report.true(".weights.h5: weights' bits", same(values(back.weights), values(model.weights)), case)
    report.true(".weights.h5: optimizer's bits", same(values(back.optimizer.variables), values(model.optimizer.variables)), case)


def from_json(number):
    """The architecture alone."""
    model = random_model(rng)
    with open(path("model.json"), "w", encoding="utf-8") as file:
        file.write(model.to_json())
    model.save_weights(path("model.weights.h5"))
    _, got = oracle("load_weights", model=path("model.json"), weights=path("model.weights.h5"), save=path("ours.keras"))
    report.true("to_json and save_weights -> ours", same(weights_of(got, model), values(model.weights)), str(number))
    back = keras.models.load_model(path("ours.keras"))
    report.true("ours -> Keras, not compiled", not back.compiled and same(values(back.weights), values(model.weights)), str(number))


def keras_2_file(kind):
    """A whole-model .h5 as tf.keras 2 lays it out: batch_input_shape, no modules, optimizer_weights."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu", name="one"), keras.layers.Dense(2, name="two")])
    shapes = [v.shape for v in model.weights]
    arrays = [rng.random(s).astype(np.float32) for s in shapes]
    m, v = ([rng.random(s).astype(np.float32) for s in shapes] for _ in range(2))
    dense = [{"class_name": "Dense", "config": {
        "name": name, "trainable": True, "dtype": "float32", "units": units, "activation": activation, "use_bias": True,
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}}, "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
        **extra}} for name, units, activation, extra in (("one", 3, "relu", {"batch_input_shape": [None, 4]}), ("two", 2, "linear", {}))]
    adam = {"name": "Adam", "learning_rate": 0.003, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False}
    if kind == "2.15":
        adam = {**adam, "is_legacy_optimizer": False, "jit_compile": False, "weight_decay": None, "clipnorm": None, "use_ema": False,
                "ema_momentum": 0.99, "ema_overwrite_frequency": None}
        del adam["decay"]
    training = {"loss": "mse", "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}}]],
                "weighted_metrics": None, "loss_weights": None, "optimizer_config": {"class_name": "Adam" if kind == "2.4" else "Custom>Adam", "config": adam}}
    with h5py.File(path("keras2.h5"), "w") as file:
        file.attrs.update({"keras_version": kind, "backend": "tensorflow", "training_config": json.dumps(training).encode(),
                           "model_config": json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": dense}}).encode()})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"one", b"two"]
        for i, name in enumerate(("one", "two")):
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            layer[f"{name}/kernel:0"], layer[f"{name}/bias:0"] = arrays[2 * i], arrays[2 * i + 1]
        names = ["one/kernel", "one/bias", "two/kernel", "two/bias"]
        if kind == "2.4":  # kind by kind
            slots = [("Adam/iter:0", np.int64(7))] + [(f"Adam/{n}/m:0", a) for n, a in zip(names, m)] + [(f"Adam/{n}/v:0", a) for n, a in zip(names, v)]
        else:  # variable by variable
            slots = [("iteration:0", np.int64(7))]
            for n, a, b in zip(names, m, v):
                slots += [(f"Adam/m/{n}:0", a), (f"Adam/v/{n}:0", b)]
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [n.encode() for n, _ in slots]
        for name, data in slots:
            group[name] = data
    _, got = oracle("resave", model=path("keras2.h5"), save=path("keras2.keras"))
    report.true("Keras 2 .h5 -> ours: weights", same(weights_of(got, model), [a.astype(np.float64) for a in arrays]), kind)
    back = keras.models.load_model(path("keras2.keras"))
    expected = [np.float64(7), np.float64(np.float32(0.003))] + [a.astype(np.float64) for pair in zip(m, v) for a in pair]
    report.true("Keras 2 .h5 -> ours -> Keras 3: optimizer", same(values(back.optimizer.variables), expected), kind)


for i in range(int(os.environ.get("LS_INTEROP_MODELS", "44")) if wanted("bits") else 0):
    bits(i)
for i in range(12):
    from_json(i)
keras_2_file("2.4")
keras_2_file("2.15")
report.finish()
