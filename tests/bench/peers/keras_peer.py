# SPDX-License-Identifier: MIT
"""Keras's fit() on one process; KERAS_BACKEND names the backend. A step is a whole call of fit over its number of steps."""
import os
import time

from protocol import pin, serve

STATE = {}


def open_net(request):
    keras.utils.clear_session()
    sizes, batch = request["sizes"], request["batch"]
    hidden = [keras.layers.Dense(n, activation=request["hidden"]) for n in sizes[1:-1]]
    model = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1], activation="softmax")])
    optimizer = {"sgd": lambda: keras.optimizers.SGD(0.01), "adam": lambda: keras.optimizers.Adam(1e-3),
                 "sgd_momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9)}[request["optimizer"]]()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    rows = batch * request["steps"]
    rng = numpy.random.default_rng(7)
    STATE.update(model=model, batch=batch, x=rng.random((rows, sizes[0]), dtype="float32"),
                 y=rng.integers(0, sizes[-1], rows), steps=request["steps"])
    run(1)


def run(epochs):
    start = time.perf_counter()
    STATE["model"].fit(STATE["x"], STATE["y"], batch_size=STATE["batch"], epochs=epochs, verbose=0)
    return (time.perf_counter() - start) / STATE["steps"]


if __name__ == "__main__":
    pin()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import numpy
    import keras

    BACKEND = keras.backend.backend()
    serve({"keras": keras.__version__, "backend": BACKEND, BACKEND: __import__(BACKEND).__version__}, open_net, run)
