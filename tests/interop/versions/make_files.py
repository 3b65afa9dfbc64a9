# SPDX-License-Identifier: MIT
"""Files that ours writes of models which today's Keras made: for all versions to open. Arguments: ORACLE FOLDER"""
import os
import sys

import keras
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from oracle import Oracle  # noqa: E402

oracle, folder = Oracle(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(2)
keras.utils.set_random_seed(2)


def models():
    layers, optimizers = keras.layers, keras.optimizers
    stack = [layers.Dense(6, "gelu", kernel_regularizer="l2", kernel_initializer=keras.initializers.HeNormal(seed=3)), layers.Dropout(0.1, seed=7),
             layers.BatchNormalization(momentum=0.9), layers.LayerNormalization(), layers.Dense(3, "softmax")]
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    rate = optimizers.schedules.CosineDecay(0.01, 100)
    for number, optimizer in enumerate([optimizers.Adam(0.003, amsgrad=True), optimizers.SGD(0.05, momentum=0.9), optimizers.AdamW(rate),
                                        optimizers.RMSprop(0.003, centered=True, momentum=0.5), optimizers.Adagrad(0.05, global_clipnorm=1.0)]):
        inputs = x = keras.Input((4,))
        copies = [layer.__class__.from_config(layer.get_config()) for layer in stack]
        for layer in copies:
            x = layer(x)
        # Lists: what today's Keras writes of bare tensors, Keras 3.3 does not read.
        model = keras.Model([inputs], [x]) if number % 2 else keras.Sequential([inputs, *copies])
        model.compile(optimizer, loss, metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(2, name="top2")])
        yield number, model


x = rng.standard_normal((80, 4)).astype(np.float32)
y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 80)]
np.savez(os.path.join(folder, "data.npz"), x=x, y=y)
for i, made in models():
    name = os.path.join(folder, f"{i}")
    made.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    made.save(f"{name}-keras.keras")
    for ending in ("keras", "weights.h5", "h5"):
        _, got = oracle("fit", {"x": x}, model=f"{name}-keras.keras", epochs=0)
        oracle("resave", model=f"{name}-keras.keras", save=f"{name}.{ending}")
    np.savez(f"{name}.npz", predict=got["predict"])
