# SPDX-License-Identifier: MIT
"""Models exported as ONNX: accepted by onnx.checker, and onnxruntime predicts what we predict."""
import os
import subprocess
import sys
import tempfile

import absl.logging
import h5py
import keras
import numpy as np

try:
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"SKIPPED: {error}")
    sys.exit(77)

from nets import ACTIVATIONS, random_model
from oracle import Oracle, Report

absl.logging.set_verbosity(absl.logging.ERROR)
keras.utils.set_random_seed(41)
rng = np.random.default_rng(41)
oracle, report = Oracle(sys.argv[1]), Report()
folder = tempfile.TemporaryDirectory()
L = keras.layers

ACTIVATIONS = ACTIVATIONS + ["log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "sparsemax"]
OPSET, IR_VERSION = 17, 8
ROWS = 19


def path(name):
    return os.path.join(folder.name, name)


def scatter(model):
    """Weights and statistics away from their special initial values."""
    for v in model.variables:
        if v.dtype != "float32":
            continue
        x = rng.standard_normal(v.shape).astype(np.float32) * 0.5
        v.assign(np.abs(x) + 0.3 if "variance" in v.path else x)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def check_form(proto, model, values, case):
    """What a user of the file meets: versions, names, shapes, and the weights' own bits."""
    onnx.checker.check_model(proto, full_check=True)
    graph = proto.graph
    report.true("versions", proto.ir_version == IR_VERSION and [(o.domain, o.version) for o in proto.opset_import] == [("", OPSET)], case)
    report.true("producer", proto.producer_name == "lockstep" and proto.producer_version != "", case)
    report.true("digest", [p.key for p in proto.metadata_props] == ["lockstep.digest"] and len(proto.metadata_props[0].value) == 32, case)
    for value, shape in ((graph.input[0], model.input_shape), (graph.output[0], model.output_shape)):
        dims = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        report.true("shapes", dims == ["batch", *shape[1:]], f"{case} {dims} {shape}")
    outputs = {o for n in graph.node for o in n.output}
    report.true("names", {layer.name for layer in model.layers} <= outputs and graph.output[0].name == model.layers[-1].name, case)
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    for layer in model.layers:
        for v in layer.weights if isinstance(layer, (L.Dense, L.LayerNormalization)) else []:
            stored = tensors.get(f"{layer.name}/{v.name}")
            report.true("weights' bits", stored is not None and np.array_equal(stored, np.asarray(v.value)), f"{case} {v.path}")
    report.true("finite", all(np.isfinite(v).all() for v in values), case)


def session_of(name):
    session = onnxruntime.InferenceSession(path(name), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]


def compare(kind, model, case, x=None, bound=2e-6):
    if x is None:
        x = (3 * rng.standard_normal((ROWS, *model.input_shape[1:]))).astype(np.float32)
    scatter(model)
    model.save(path("keras.h5"))
    _, ours = oracle("fit", {"x": x}, model=path("keras.h5"), epochs=0, onnx=path("model.onnx"))
    proto = onnx.load(path("model.onnx"))
    check_form(proto, model, [ours["predict"]], case)
    predict = session_of("model.onnx")
    y = predict(x)
    report.true("output shape", y.shape == (len(x), *model.output_shape[1:]), f"{case} {y.shape}")
    report.close(kind, y.reshape(len(x), -1), ours["predict"], bound, floor=1e-6, case=case)
    alone = predict(x[3:4])  # another batch size
    report.close("a batch of one", alone.reshape(1, -1), ours["predict"][3:4], bound, scale=np.abs(ours["predict"]).max(), floor=1e-6,
                 case=case)


def every_activation():
    for name in ACTIVATIONS:
        for shape in ((5,), (3, 4)):
            compare("activations", keras.Sequential([keras.Input(shape), L.Activation(name)]), f"Activation {name} {shape}")
            compare("Dense with activation", keras.Sequential([keras.Input(shape), L.Dense(7, activation=name)]), f"Dense {name} {shape}")
    report.true("all activations", set(oracle("tables")[0]["activations"]) <= set(ACTIVATIONS))


def every_layer():
    flags = [{"center": c, "scale": s} for c in (True, False) for s in (True, False)]
    for shape in ((6,), (3, 4), (2, 3, 4)):
        layers = [L.Flatten(), L.Dropout(0.5), L.Rescaling(1 / 255, offset=-0.5), L.Dense(5, use_bias=False), L.Dense(5)]
        layers += [L.ReLU(), L.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.2), L.ReLU(max_value=6.0), L.ReLU(negative_slope=0.3), L.LeakyReLU(0.1),
                   L.ELU(0.7), L.Softmax(), L.PReLU(alpha_initializer="uniform"), L.UnitNormalization(), L.RMSNormalization(epsilon=0.01), L.Identity(),
                   L.Reshape((2, -1)), L.GaussianNoise(0.2), L.GaussianDropout(0.2), L.AlphaDropout(0.2), L.ActivityRegularization(0.1)]
        layers += [L.Normalization(), L.Normalization(invert=True), L.Normalization(mean=0.5, variance=2.0)]
        n = shape[-1]
        layers += [L.Normalization(mean=list(range(n)), variance=[0.0] + [2.0] * (n - 1), invert=i) for i in (False, True)]
        layers += [L.BatchNormalization(epsilon=0.01, **f) for f in flags] + [L.LayerNormalization(epsilon=0.01, **f) for f in flags]
        for layer in layers:
            case = f"{layer.name} {shape}"
            compare(f"layer {layer.__class__.__name__}", keras.Sequential([keras.Input(shape), layer]), case)


def large_mean():
    """Raw features far from zero, into a normalization that takes the mean away: no digits are lost."""
    for layer in (L.BatchNormalization(), L.Normalization()):
        model = keras.Sequential([keras.Input((4,)), layer])
        scatter(model)
        x = (1000 + rng.standard_normal((ROWS, 4))).astype(np.float32)
        if isinstance(layer, L.BatchNormalization):
            layer.moving_mean.assign(np.full(4, 1000, np.float32))
        else:
            layer.adapt(x)
        model.save(path("keras.h5"))
        _, ours = oracle("fit", {"x": x}, model=path("keras.h5"), epochs=0, onnx=path("model.onnx"))
        report.close("a mean of 1000", session_of("model.onnx")(x), ours["predict"], 1e-6, case=layer.name)


def random_models():
    for i in range(int(os.environ.get("LS_INTEROP_MODELS", "70"))):
        model = random_model(rng)
        compare("random models", model, f"{i}: {[layer.__class__.__name__ for layer in model.layers]}",
                x=rng.standard_normal((ROWS, *model.input_shape[1:])).astype(np.float32), bound=1e-5)


def command():
    """The same through `lockstep export` and `lockstep predict`."""
    model = random_model(rng, last="softmax")
    scatter(model)
    model.save(path("keras.h5"))
    x = rng.standard_normal((ROWS, *model.input_shape[1:])).astype(np.float32)
    with h5py.File(path("data.h5"), "w") as file:
        file["x"] = x
    oracle("fit", {"x": x}, model=path("keras.h5"), epochs=0, onnx=path("model.onnx"))
    for arguments in (["export", "keras.h5", "command.onnx"], ["predict", "keras.h5", "data.h5", "--out", "y.npy"]):
        done = subprocess.run([sys.argv[2], *arguments], cwd=folder.name, capture_output=True, text=True, check=False)
        report.true("command", done.returncode == 0, f"{arguments} {done.stderr}")
    with open(path("command.onnx"), "rb") as a, open(path("model.onnx"), "rb") as b:
        report.true("command: the same file", a.read() == b.read())
    report.close("command: predictions", session_of("command.onnx")(x), np.load(path("y.npy")), 1e-5)


every_activation()
every_layer()
large_mean()
random_models()
command()
report.finish()
