# SPDX-License-Identifier: MIT
"""What is not supported, or not what it says, is refused by name and place."""
import json
import shutil
import warnings
import zipfile

import h5py
import keras
import numpy as np

from keras3 import begin, small_model
from oracle import OracleError

_, oracle, report, path = begin()


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


def ones(shape, dtype=None):
    return np.ones(shape, np.float32)


def changed(how):
    """A Dense that is quantized, or has a low-rank part."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="changed")])
    model.quantize("int8") if how == "int8" else model.layers[0].enable_lora(2)
    return model


def compiled(*arguments, **more):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(*arguments, **more)
    return model


def compilations():
    losses, metrics, optimizers = keras.losses, keras.metrics, keras.optimizers
    refused("a loss's object as metric", compiled("sgd", "mse", metrics=[losses.MeanAbsoluteError()]), "metric", "MeanAbsoluteError")
    refused("a metric without targets", compiled("sgd", "mse", metrics=[metrics.Mean()]), "metric", "Mean")
    refused("a wrapped function's argument", compiled("sgd", "mse", metrics=[metrics.MeanMetricWrapper(losses.huber, delta=3.0)]), "huber")
    refused("a loss scale", compiled(optimizers.LossScaleOptimizer(optimizers.Adam()), "mse"), "LossScaleOptimizer")
    refused("no reduction", compiled("sgd", losses.MeanSquaredError(reduction=None)), "MeanSquaredError", "reduction")
    refused("a loss's other axis", compiled("sgd", losses.CategoricalCrossentropy(axis=1)), "CategoricalCrossentropy", "axis")
    refused("a subclassed optimizer", compiled(Descent(0.1), "mse"), "Descent", "custom object")


class Descent(keras.optimizers.SGD):
    pass


def archives():
    """What a zip archive can be that Keras does not write."""
    edit(lambda c: None)
    with zipfile.ZipFile(path("real.keras")) as old:
        members = {name: old.read(name) for name in old.namelist()}

    def pack(*extra, zip64=False, **more):
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path("refused.keras"), "w", **more) as new:
            for name, data in [*members.items(), *extra]:
                with new.open(name, "w", force_zip64=zip64) as member:
                    member.write(data)

    refused("a path that leads out", None, "../evil", save=lambda: pack(("../evil", b"")))
    refused("a member twice", None, save=lambda: pack(("config.json", b"{}")))
    refused("another packing", None, "packed with method", save=lambda: pack(compression=zipfile.ZIP_BZIP2))
    pack()
    with open(path("refused.keras"), "rb") as file:
        data = bytearray(file.read())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = -1
        while (place := data.find(mark, place + 1)) >= 0:
            data[place + at] |= 1
    with open(path("refused.keras"), "wb") as file:
        file.write(data)
    refused("a password", None, "encrypted", save=lambda: None)
    pack(zip64=True)
    _, got = oracle("resave", model=path("refused.keras"), save=path("fine.keras"))
    report.true("zip64 is read", len(got) > 0)


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
        old.extract("model.weights.h5", path(""))
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
    refused("an output in a dictionary", keras.Model(inputs, {"named": hidden}), "output_layers", "hidden")
    refused("two inputs", keras.Model([inputs, keras.Input((4,), name="other")], hidden), "input_layers")
    twice = layers.Dense(4, name="twice")
    refused("a shared layer", keras.Model(inputs, twice(twice(inputs))), "twice")
    refused("a model inside", keras.Sequential([keras.Input((4,)), keras.Sequential([layers.Dense(3)], name="inner")]), "layers[1]", "inner")
    refused("no input shape", keras.Sequential([layers.Dense(3, name="unbuilt")]), "unbuilt", "input shape")
    refused("an open dimension", keras.Sequential([keras.Input((None, 4)), layers.Dense(3)]), "input_layer", "null")
    refused("a function as initializer", keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer=ones)]), "kernel_initializer", "ones")
    refused("a long name", keras.Sequential([keras.Input((4,)), layers.Dense(3, name="n" * 300)]), "layers[1]", "at most")
    refused("another axis", keras.Sequential([keras.Input((4, 2)), layers.BatchNormalization(axis=1)]), "batch_normalization", "axis")
    for dtype in ("float16", "bfloat16", "float64", "mixed_bfloat16"):
        refused(dtype, keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(3, dtype=dtype, name="odd")]), "layers[2]", "odd", dtype)
    for mode in ("int8", "lora"):
        refused(mode, changed(mode), "layers[1]", "changed", "dtype" if mode == "int8" else "lora_rank")
    refused("mask", None, "sum", "mask", save=lambda: edit_call(keras.Model(inputs, layers.Activation("relu", name="sum")(hidden)), {"mask": True}))
    refused("an axis counted from the end", keras.Sequential([keras.Input((4, 2)), layers.PReLU(shared_axes=[-1])]), "p_re_lu", "shared_axes")
    refused("outputs compared with each other", keras.Sequential([keras.Input((4,)), layers.Dense(3, activity_regularizer="OrthogonalRegularizer")]),
            "dense", "OrthogonalRegularizer")
    refused("several optimizers", None, "optimizer", "MultiOptimizer", save=lambda: edit(lambda c: c["compile_config"]["optimizer"].update(class_name="MultiOptimizer")))
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


refusals()
compilations()
archives()
report.finish()
