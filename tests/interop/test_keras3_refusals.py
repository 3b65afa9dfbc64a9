# SPDX-License-Identifier: MIT
"""What is not supported, or not what it says, is refused by name and place."""
import json
import shutil
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
    refused("mask", None, "sum", "mask", save=lambda: edit_call(keras.Model(inputs, layers.Activation("relu", name="sum")(hidden)), {"mask": True}))
    refused("an axis counted from the end", keras.Sequential([keras.Input((4, 2)), layers.PReLU(shared_axes=[-1])]), "p_re_lu", "shared_axes")
    refused("outputs compared with each other", keras.Sequential([keras.Input((4,)), layers.Dense(3, activity_regularizer="OrthogonalRegularizer")]),
            "dense", "OrthogonalRegularizer")
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


refusals()
report.finish()
