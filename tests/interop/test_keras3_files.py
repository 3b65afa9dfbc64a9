# SPDX-License-Identifier: MIT
"""Keras 3's files both ways: every variable's bits, configs, and training that goes on where the other side stopped."""
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile

import absl.logging
import h5py
import keras
import numpy as np

from nets import FREEZES, as_functional, random_model
from oracle import Oracle, OracleError, Report, wanted

absl.logging.set_verbosity(absl.logging.ERROR)
# Keras only warns when it drops an optimizer's state; here that is an error.
warnings.filterwarnings("error", message=".*(optimizer|Skipping).*")
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
oracle, report = Oracle(sys.argv[1]), Report()
folder = tempfile.TemporaryDirectory()
schedules = keras.optimizers.schedules

OPTIMIZERS = [
    lambda: keras.optimizers.SGD(0.05), lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=1.0),
    lambda: keras.optimizers.Adam(0.002, amsgrad=True, clipvalue=0.5), lambda: keras.optimizers.AdamW(0.002, weight_decay=0.01),
    lambda: keras.optimizers.Adagrad(0.05, global_clipnorm=2.0), lambda: keras.optimizers.RMSprop(0.003),
    lambda: keras.optimizers.RMSprop(0.003, momentum=0.5, centered=True, weight_decay=0.01),
    lambda: keras.optimizers.Adam(schedules.CosineDecay(0.01, 100, alpha=0.1)),
    lambda: keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.9, staircase=True), momentum=0.5),
    lambda: keras.optimizers.SGD(schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01])),
    lambda: keras.optimizers.Adam(schedules.PolynomialDecay(0.01, 50)), lambda: keras.optimizers.SGD(schedules.InverseTimeDecay(0.1, 5, 0.5)),
    lambda: keras.optimizers.Adam(0.01, name="mine", beta_1=0.8, epsilon=1e-5),
    lambda: keras.optimizers.Adamax(0.01, weight_decay=0.01), lambda: keras.optimizers.Nadam(0.005), lambda: keras.optimizers.Adadelta(1.0, rho=0.9),
    lambda: keras.optimizers.Ftrl(0.1, l2_regularization_strength=0.01, beta=0.1), lambda: keras.optimizers.Lion(0.002, clipnorm=1.0),
    lambda: keras.optimizers.Lamb(0.01), lambda: keras.optimizers.Adafactor(0.05),
    lambda: keras.optimizers.Nadam(0.005, use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=2),
    lambda: keras.optimizers.Adafactor(schedules.CosineDecay(0.1, 100), use_ema=True, ema_overwrite_frequency=7),
]
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
HOW = [{}, {"weighted_metrics": ["mse"]}, {"run_eagerly": True}, {"jit_compile": False, "steps_per_execution": 3}]


def path(name):
    return os.path.join(folder.name, name)


def values(variables):
    return [np.asarray(v.value, np.float64) for v in variables]


def same(ours, theirs):
    return len(ours) == len(theirs) and all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(ours, theirs))


def weights_of(reply, model):
    return [reply[f"w{i}"].astype(np.float64) for i in range(len(model.weights))]


def plain(config):
    """What get_config() says, without the identities Keras gives objects."""
    if isinstance(config, dict):
        return {k: plain(v) for k, v in config.items() if k not in ("shared_object_id", "build_config")}
    return [plain(v) for v in config] if isinstance(config, (list, tuple)) else config


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


def small_model(functional=False):
    inputs = keras.Input((4,))
    layers = [keras.layers.Dense(6, "tanh", kernel_regularizer="l2"), keras.layers.BatchNormalization(momentum=0.9),
              keras.layers.Dense(5, "softplus", trainable=not FREEZES), keras.layers.Dense(5, use_bias=False), keras.layers.LayerNormalization(),
              keras.layers.Dense(3, "softmax")]
    if not functional:
        return keras.Sequential([inputs, *layers])
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def go_on(number):
    """10 steps there, 20 here and there, 20 more there from ours: the same to float rounding."""
    model = small_model(functional=number % 2 == 1)
    model.compile(OPTIMIZERS[number](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.standard_normal((80, 4)).astype(np.float32), rng.integers(0, 3, 80).astype(np.int32)
    fit = {"shuffle": False, "batch_size": 16, "verbose": 0}
    model.fit(x, y, epochs=2, **fit)
    # In a second fit of one model Nadam's and Adafactor's scalars have no value (Keras 3.15 on JAX): a loaded one goes on.
    loses_scalars = isinstance(model.optimizer, (keras.optimizers.Nadam, keras.optimizers.Adafactor))
    ending = "h5" if number % 3 == 2 and not loses_scalars else "keras"
    case = f"{number}: {model.optimizer.name} .{ending}"
    model.save(path(f"middle.{ending}"))
    _, ours = oracle("fit", {"x": x, "y": y}, model=path(f"middle.{ending}"), epochs=4, batch_size=16, save=path("on.keras"))
    if loses_scalars:
        model = keras.models.load_model(path("middle.keras"))
    model.fit(x, y, epochs=4, **fit)

    def compare(kind, got, expected):
        for a, b in zip(got, expected):
            report.close(kind, a, b, 2e-5, floor=0.05, case=case)

    compare("Keras stops, ours goes on 20 steps", weights_of(ours, model), values(model.weights))
    back = keras.models.load_model(path("on.keras"))
    compare("ours stops: optimizer", values(back.optimizer.variables), values(model.optimizer.variables))
    history = back.fit(x, y, epochs=4, **fit).history
    reply, ours = oracle("fit", {"x": x, "y": y}, model=path("on.keras"), epochs=4, batch_size=16)
    compare("ours stops, Keras goes on 20 steps", values(back.weights), weights_of(ours, model))
    report.close("ours stops, Keras goes on: loss", reply["history"]["loss"], history["loss"], 2e-5, floor=0.1, case=case)


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


def refused(what, model, *words, save=None):
    """By name and place."""
    name = path("refused.keras")
    (save or (lambda: model.save(name)))()
    try:
        oracle("resave", model=name, save=path("never.keras"))
        report.true(f"refused: {what}", False, "it was read")
    except OracleError as error:
        report.true(f"refused: {what}", all(word in str(error) for word in words), str(error))


class Dense(keras.layers.Dense):
    """A class of the user's that looks like Keras's."""


def edit(change, member="config.json"):
    """A real file with one member changed."""
    model = small_model()
    model.compile("adam", "mse")
    model.save(path("real.keras"))
    with zipfile.ZipFile(path("real.keras")) as old, zipfile.ZipFile(path("refused.keras"), "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == member:
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)


def edit_call(model, arguments):
    """A Functional model whose last layer was called with more than its input."""
    model.save(path("real.keras"))
    with zipfile.ZipFile(path("real.keras")) as old, zipfile.ZipFile(path("refused.keras"), "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][-1]["inbound_nodes"][0]["kwargs"].update(arguments)
                data = json.dumps(config).encode()
            new.writestr(name, data)


def edit_weights(change):
    with zipfile.ZipFile(path("real.keras")) as old:
        old.extract("model.weights.h5", folder.name)
        members = {name: old.read(name) for name in old.namelist()}
    with h5py.File(path("model.weights.h5"), "r+") as file:
        change(file)
    with zipfile.ZipFile(path("refused.keras"), "w") as new:
        for name, data in members.items():
            if name == "model.weights.h5":
                new.write(path(name), name)
            else:
                new.writestr(name, data)


def refusals():
    layers = keras.layers
    refused("Conv2D", keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="conv"), layers.Flatten()]), "layers[1]", "Conv2D",
            "conv")
    refused("Lambda", keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x, name="lam")]), "layers[1]", "Lambda", "lam")
    refused("custom class", keras.Sequential([keras.Input((4,)), Dense(3, name="own")]), "layers[1]", "own", "custom object")
    refused("custom loss", None, "training_config", "my_loss",
            save=lambda: edit(lambda c: c["compile_config"].update(
                loss={"module": "builtins", "class_name": "function", "config": "my_loss", "registered_name": "function"})))
    refused("mixed precision", keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_float16")]), "layers[1]", "dtype",
            "mixed_float16")
    inputs = keras.Input((4,))
    hidden = layers.Dense(4, name="hidden")(inputs)
    refused("branches", keras.Model(inputs, layers.Add(name="sum")([hidden, inputs])), "sum")
    refused("two outputs", keras.Model(inputs, [hidden, layers.Dense(2, name="top")(hidden)]), "output_layers")
    refused("mask", None, "sum", "mask", save=lambda: edit_call(keras.Model(inputs, layers.Activation("relu", name="sum")(hidden)), {"mask": True}))
    refused("shared axes", keras.Sequential([keras.Input((4,)), layers.PReLU(shared_axes=[1])]), "layers[1]", "shared_axes")
    refused("Muon", None, "optimizer", "Muon", save=lambda: edit(lambda c: c["compile_config"]["optimizer"].update(class_name="Muon")))
    edit(lambda c: None)
    refused("a missing variable", None, "layers/dense/vars", save=lambda: edit_weights(lambda f: f["layers/dense/vars"].pop("1")))
    refused("a missing layer", None, "dense_3", save=lambda: edit_weights(lambda f: f["layers"].pop("dense_3")))

    def reshape(file):
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.zeros((4, 7), np.float32)

    refused("another shape", None, "(4, 7)", "(4, 6)", save=lambda: edit_weights(reshape))
    refused("a linked variable", None, "layers/dense/vars", save=lambda: edit_weights(lambda f: (
        f["layers/dense/vars"].pop("0"), f["layers/dense/vars"].__setitem__("0", h5py.ExternalLink("other.h5", "/x")))))

    def drop_slot(file):
        file.create_dataset("optimizer/vars/2", data=np.zeros((4, 6), np.float32))

    refused("one slot too few", None, "optimizer/vars", save=lambda: edit_weights(drop_slot))
    shutil.copy(path("real.keras"), path("refused.keras"))
    _, got = oracle("resave", model=path("refused.keras"), save=path("fine.keras"))
    report.true("and the file they were made of is read", len(got) > 0)


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
for i in range(len(OPTIMIZERS) if wanted("go_on") else 0):
    go_on(i)
for i in range(12):
    from_json(i)
keras_2_file("2.4")
keras_2_file("2.15")
refusals()
report.finish()
