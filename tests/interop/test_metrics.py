# SPDX-License-Identifier: MIT
"""Metrics against Keras."""
import inspect
import sys

import keras
import numpy as np

from elements import SHAPES, f4, keras_object, rng
from oracle import Oracle, Report

keras.utils.set_random_seed(5)
oracle, report = Oracle(sys.argv[1]), Report()

# (text, kind of prediction, kind of target)
METRICS = [
    ("accuracy", "p", "label"), ("acc", "p", "hot"), ("accuracy", "p1", "b"), ("crossentropy", "p", "label"), ("ce", "p", "hot"),
    ("crossentropy", "p1", "b"), ("Accuracy()", "values", "values"), ("binary_accuracy", "pn", "bn"),
    ("BinaryAccuracy(threshold=0.3)", "pn", "bn"), ("categorical_accuracy", "p", "hot"), ("sparse_categorical_accuracy", "p", "label"),
    ("TopKCategoricalAccuracy(k=3)", "p", "hot"), ("SparseTopKCategoricalAccuracy(k=2)", "p", "label"),
    ("top_k_categorical_accuracy", "p", "hot"), ("sparse_top_k_categorical_accuracy", "p", "label"),
    ("mae", "values", "values"), ("mse", "values", "values"), ("root_mean_squared_error", "values", "values"),
    ("precision", "pn", "bn"), ("recall", "pn", "bn"), ("Precision(thresholds=0.7)", "pn", "bn"), ("Recall(thresholds=0.2)", "pn", "bn"),
    ("categorical_crossentropy", "p", "hot"), ("CategoricalCrossentropy(label_smoothing=0.1)", "p", "hot"),
    ("sparse_categorical_crossentropy", "p", "label"), ("binary_crossentropy", "pn", "bn"), ("bce", "pn", "bn"),
    ("BinaryCrossentropy(label_smoothing=0.2)", "pn", "bn"), ("BinaryCrossentropy(from_logits=True)", "values", "bn"),
    ("CategoricalCrossentropy(from_logits=True)", "values", "hot"), ("SparseCategoricalCrossentropy(from_logits=True)", "values", "label"),
    ("mape", "values", "values"), ("msle", "values", "values"), ("LogCoshError()", "values", "values"), ("hinge", "values", "bn"),
    ("squared_hinge", "values", "values"), ("CategoricalHinge()", "p", "hot"), ("KLDivergence()", "p", "hot"), ("poisson", "pn", "values"),
    ("CosineSimilarity()", "values", "values"), ("PearsonCorrelation()", "values", "values"), ("ConcordanceCorrelation()", "values", "values"),
    ("TruePositives()", "pn", "bn"), ("TrueNegatives(thresholds=0.3)", "pn", "bn"), ("FalsePositives()", "pn", "bn"),
    ("FalseNegatives(thresholds=0.6)", "pn", "bn"), ("Precision(top_k=2)", "pn", "bn"), ("Recall(top_k=1, class_id=1)", "pn", "bn"),
    ("Precision(thresholds=0.4, top_k=2, class_id=0)", "pn", "bn"), ("AUC()", "pn", "bn"), ("AUC(curve='PR')", "pn", "bn"),
    ("AUC(curve='PRGAIN', num_thresholds=30)", "pn", "bn"), ("AUC(curve='PR', summation_method='minoring')", "p1", "b"),
    ("AUC(summation_method='majoring', thresholds=[0.1, 0.7, 0.4])", "pn", "bn"), ("AUC(thresholds=[0.25, 0.5, 0.75])", "p1", "b"),
    ("AUC(multi_label=True, num_labels=3, label_weights=[1.0, 0.5, 2.0])", "pn", "bn"), ("AUC(multi_label=True, curve='PR')", "pn", "bn"),
    ("AUC(label_weights=[1.0, 0.5, 2.0])", "pn", "bn"), ("AUC(from_logits=True, num_thresholds=50)", "v3", "bn"),
    ("SensitivityAtSpecificity(0.5)", "pn", "bn"), ("SpecificityAtSensitivity(0.7, num_thresholds=40)", "pn", "bn"),
    ("PrecisionAtRecall(0.6)", "p1", "b"), ("RecallAtPrecision(0.5, class_id=1)", "pn", "bn"), ("SensitivityAtSpecificity(0.4, num_thresholds=1)", "pn", "bn"),
    ("F1Score(average='macro')", "p", "hot"), ("F1Score(average='micro', threshold=0.4)", "pn", "bn"), ("F1Score(threshold=0.5)", "p1", "b"),
    ("FBetaScore(average='weighted', beta=2.0)", "p", "hot"), ("FBetaScore(average='macro', beta=0.5, threshold=0.3)", "pn", "bn"),
    ("R2Score()", "values", "values"), ("R2Score(class_aggregation='variance_weighted_average', num_regressors=2)", "values", "values"),
    ("MeanIoU(num_classes=7, sparse_y_pred=False)", "p", "label"), ("OneHotMeanIoU(num_classes=7)", "p", "hot"),
    ("IoU(num_classes=7, target_class_ids=[0, 2, 3], sparse_y_pred=False, ignore_class=2)", "p", "label"),
    ("OneHotIoU(num_classes=7, target_class_ids=[1, 4])", "p", "hot"), ("BinaryIoU()", "pn", "bn"),
    ("BinaryIoU(target_class_ids=[1], threshold=0.3)", "pn", "bn"),
    ("Precision(thresholds=[0.7, 0.2, 0.4])", "pn", "bn"), ("Recall(thresholds=[0.0, 0.25, 0.5, 0.75, 1.0])", "pn", "bn"),
    ("Precision(thresholds=[0.2, 0.6, 0.2], top_k=2)", "pn", "bn"), ("Recall(thresholds=[0.1, 0.9], class_id=1)", "pn", "bn"),
    ("TruePositives(thresholds=[0.9, 0.1])", "pn", "bn"), ("TrueNegatives(thresholds=[0.0, 0.5, 1.0])", "p1", "b"),
    ("FalsePositives(thresholds=[0.3])", "pn", "bn"), ("FalseNegatives(thresholds=[0.25, 0.5])", "pn", "bn"),
    ("F1Score()", "p", "hot"), ("F1Score(threshold=0.4)", "pn", "bn"), ("FBetaScore(beta=2.0)", "p", "hot"),
]
RESOLVED = {"label": ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
            "hot": ("CategoricalAccuracy", "CategoricalCrossentropy"), "b": ("BinaryAccuracy", "BinaryCrossentropy")}


def keras_metric(text, target_kind):
    if text in ("accuracy", "acc"):
        return getattr(keras.metrics, RESOLVED[target_kind][0])()
    if text in ("crossentropy", "ce"):
        return getattr(keras.metrics, RESOLVED[target_kind][1])()
    metric = keras_object(keras.metrics, text)
    if inspect.isfunction(metric):
        metric = keras.metrics.MeanMetricWrapper(metric)
    return metric() if inspect.isclass(metric) else metric


def metrics():
    for text, pred_kind, target_kind in METRICS:
        for case in range(4):
            rows, n = SHAPES[case % 3]
            n = {"p1": 1, "pn": 3, "v3": 3}.get(pred_kind, max(n, 6))
            values = f4(rows, n, scale=2)
            pred = values if pred_kind in ("values", "v3") else np.asarray(keras.ops.softmax(values) if pred_kind == "p" else keras.ops.sigmoid(values))
            weight = np.abs(f4(rows)) if case % 2 else None
            if weight is not None and "IoU" in text:
                weight = np.ceil(weight)  # which Keras turns into integers
            if "BinaryIoU" in text:
                weight = None  # Keras does not spread them over several outputs
            arrays = {"pred": pred, "weight": weight}
            label = rng.integers(0, n, rows).astype(np.int32)
            if target_kind == "label":
                target = arrays["label"] = label
            elif target_kind == "hot":
                target = arrays["target"] = np.eye(n, dtype=np.float32)[label]
            elif target_kind == "values":
                target = arrays["target"] = np.where(rng.random((rows, n)) < 0.3, pred, f4(rows, n)).astype(np.float32)
            else:
                target = arrays["target"] = rng.integers(0, 2, (rows, n)).astype(np.float32)
            if "R2" in text or "Pearson" in text:
                if rows == 1 or n == 1:
                    continue  # no spread to compare with
            reply, _ = oracle("metric", arrays, metric=text)
            metric = keras_metric(text, target_kind)
            metric.update_state(target.astype(np.float32) if "IoU" in text else target, pred, sample_weight=weight)
            expected = np.atleast_1d(np.squeeze(metric.result()))
            report.close(f"metric {text}", reply["values"], expected, 3e-6, scale=np.abs(expected) + 0.1,
                         case=f"case {case} rows {rows} n {n}")


metrics()
report.finish()
