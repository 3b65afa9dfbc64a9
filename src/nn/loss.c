/* SPDX-License-Identifier: MIT */
#include "nn/loss.h"

#include <string.h>

#include "nn/loss_pass.h"
#include "nn/rows.h"

static lsi_loss_kind kind_of(const lsi_loss *loss) {
  return (lsi_loss_kind)loss->object.info->kind;
}

typedef void loss_rows(const lsi_loss_pass *pass, size_t first, size_t end);

typedef struct traits {
  loss_rows *rows;        /* of predictions; */
  loss_rows *logits_rows; /* of logits, when that is another function */
  lsi_activation link;    /* whose logits the loss takes when the net ends in it; linear: none */
  lsi_target_form form;
  bool classes;           /* wants an output for each class */
  bool one_hot;           /* integer labels become rows of 0 and 1 */
} traits;

static const traits traits_of[LSI_LOSS_KINDS] = {
    [LSI_LOSS_CATEGORICAL_CROSSENTROPY] = {lsi_loss_probabilities, lsi_loss_softmax_logits, LSI_ACT_SOFTMAX,
                                           LSI_TARGET_VALUES, .classes = true, .one_hot = true},
    [LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY] = {lsi_loss_probabilities, lsi_loss_softmax_logits, LSI_ACT_SOFTMAX,
                                                  LSI_TARGET_LABEL, .classes = true},
    [LSI_LOSS_BINARY_CROSSENTROPY] = {lsi_loss_elementwise, .link = LSI_ACT_SIGMOID, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_BINARY_FOCAL_CROSSENTROPY] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_CATEGORICAL_FOCAL_CROSSENTROPY] = {lsi_loss_categorical_focal, .form = LSI_TARGET_VALUES,
                                                 .classes = true, .one_hot = true},
    [LSI_LOSS_GENERALIZED_CROSSENTROPY] = {lsi_loss_generalized, .form = LSI_TARGET_LABEL, .classes = true},
    [LSI_LOSS_MEAN_SQUARED_ERROR] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_MEAN_ABSOLUTE_ERROR] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_MEAN_ABSOLUTE_PERCENTAGE_ERROR] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_MEAN_SQUARED_LOGARITHMIC_ERROR] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_COSINE_SIMILARITY] = {lsi_loss_cosine, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_HUBER] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_LOG_COSH] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_HINGE] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_SQUARED_HINGE] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_CATEGORICAL_HINGE] = {lsi_loss_categorical_hinge, .form = LSI_TARGET_VALUES, .classes = true, .one_hot = true},
    [LSI_LOSS_KL_DIVERGENCE] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_POISSON] = {lsi_loss_elementwise, .form = LSI_TARGET_VALUES},
    [LSI_LOSS_DICE] = {lsi_loss_overlap, .form = LSI_TARGET_VALUES, .one_hot = true},
    [LSI_LOSS_TVERSKY] = {lsi_loss_overlap, .form = LSI_TARGET_VALUES, .one_hot = true},
};

void lsi_loss_resolve(const lsi_object *loss, int64_t n_outputs, bool by_label, lsi_object *out) {
  const char *name = n_outputs == 1 ? "binary_crossentropy" : by_label ? "sparse_categorical_crossentropy" : "categorical_crossentropy";
  const lsi_class_info *info;
  *out = *loss;
  bool open = loss->info && loss->info->kind == LSI_LOSS_CROSSENTROPY_AUTO;
  if (open && lsi_family_find(&lsi_losses, name, &info) == LS_OK)
    lsi_object_default(info, out);
}

ls_status lsi_loss_init(lsi_loss *loss, const lsi_object *object, lsi_activation last,
                        int64_t n_outputs) {
  LSI_CHECK(object->info, LS_ERR_STATE, "Compile the model with a loss.", "the model has no loss");
  LSI_TRY(lsi_object_check(&lsi_losses, object));
  lsi_loss_kind kind = (lsi_loss_kind)object->info->kind;
  const char *name = object->info->name;
  bool from_logits = lsi_object_get(object, "from_logits") == 1.0;
  LSI_CHECK(!traits_of[kind].classes || n_outputs > 1, LS_ERR_SHAPE,
            "For two classes and one output use binary_crossentropy with a sigmoid.",
            "loss %s needs an output for each class; the last layer has %lld", name,
            (long long)n_outputs);
  LSI_CHECK(
      !from_logits || last == LSI_ACT_LINEAR, LS_ERR_ARG,
      "Make the last activation linear, or leave from_logits out.",
      "loss %s has from_logits=True, but the last layer ends in %s: its outputs are not logits",
      name, lsi_activation_name(last));
  bool fused = last != LSI_ACT_LINEAR && last == traits_of[kind].link;
  *loss = (lsi_loss){
      .object = *object, .on_logits = from_logits || fused, .link = fused ? last : LSI_ACT_LINEAR};
  return LS_OK;
}

lsi_target_form lsi_loss_target_form(const lsi_loss *loss) {
  return traits_of[kind_of(loss)].form;
}

static ls_status check_labels(const lsi_loss *loss, int64_t n_outputs, bool *one_hot) {
  const traits *t = &traits_of[kind_of(loss)];
  *one_hot = t->one_hot && n_outputs > 1;
  LSI_CHECK(t->form == LSI_TARGET_LABEL || *one_hot || n_outputs == 1, LS_ERR_SHAPE,
            "sparse_categorical_crossentropy would fit.",
            "loss %s: targets are one integer label a sample, outputs are (N, %lld)",
            loss->object.info->name, (long long)n_outputs);
  return LS_OK;
}

ls_status lsi_loss_check_targets(const lsi_loss *loss, int64_t n_outputs, bool y_is_label,
                                 int64_t n_targets, bool *one_hot) {
  const char *name = loss->object.info->name;
  long long outputs = (long long)n_outputs, targets = (long long)n_targets;
  if (y_is_label)
    return check_labels(loss, n_outputs, one_hot);
  *one_hot = false;
  if (lsi_loss_target_form(loss) == LSI_TARGET_LABEL) {
    LSI_CHECK(
        n_targets != n_outputs, LS_ERR_SHAPE, "categorical_crossentropy would fit.",
        "loss %s wants one integer label a sample; targets are values (N, %lld), outputs (N, %lld)",
        name, targets, outputs);
    LSI_FAIL(
        LS_ERR_SHAPE,
        "Store labels as integers (lockstep convert --labels); for numbers as targets mean_squared_error would fit.",
        "loss %s wants one integer label a sample; targets are floating-point values (N, %lld)",
        name, targets);
  }
  bool labels_would_fit = kind_of(loss) == LSI_LOSS_CATEGORICAL_CROSSENTROPY && n_targets == 1;
  LSI_CHECK(n_targets == n_outputs, LS_ERR_SHAPE,
            labels_would_fit
                ? "Store labels as integers (lockstep convert --labels); sparse_categorical_crossentropy would fit then."
                : "Give the last layer as many units as a sample has targets.",
            "loss %s: targets are (N, %lld), outputs are (N, %lld)", name, targets, outputs);
  return LS_OK;
}

static ls_status check_label_range(const lsi_loss_pass *pass, size_t rows, int64_t *bad_row) {
  for (size_t r = 0; r < rows; r++)
    if (!lsi_loss_is_ignored(pass, r) && (pass->label[r] < 0 || (uint32_t)pass->label[r] >= pass->n)) {
      *bad_row = (int64_t)r;
      LSI_FAIL(LS_ERR_ARG, "Labels count from 0; give the last layer a unit for each class.",
               "label %d is outside 0..%lld, the classes the outputs have", (int)pass->label[r],
               (long long)pass->n - 1);
    }
  return LS_OK;
}

static void drop_ignored(const lsi_loss_pass *pass, size_t first, size_t end) {
  for (size_t r = first; r < end; r++) {
    if (!lsi_loss_is_ignored(pass, r))
      continue;
    pass->value[r] = 0.0;
    if (pass->grad)
      memset(pass->grad + r * pass->n, 0, pass->n * sizeof *pass->grad);
  }
}

static void work(void *context, size_t first, size_t end) {
  const lsi_loss_pass *pass = context;
  const traits *t = &traits_of[pass->kind];
  (pass->on_logits && t->logits_rows ? t->logits_rows : t->rows)(pass, first, end);
  if (pass->has_ignored && pass->label)
    drop_ignored(pass, first, end);
}

/* ---- the batch ---- */

static bool reduces_by(const lsi_loss *loss, const char *reduction) {
  const char *own = lsi_object_text(&loss->object, "reduction");
  return own && strcmp(own, reduction) == 0;
}

static bool ignores(const lsi_loss *loss) {
  return !isnan(lsi_object_get(&loss->object, "ignore_class"));
}

static bool overlaps_batch(const lsi_loss *loss) {
  lsi_loss_kind kind = kind_of(loss);
  return (kind == LSI_LOSS_DICE || kind == LSI_LOSS_TVERSKY) && isnan(lsi_object_get(&loss->object, "axis"));
}

/* Keras: a loss that is one number for the batch is not summed over its rows unless they are weighted. */
double lsi_loss_scale(const lsi_loss *loss, bool weighted, double rows) {
  return reduces_by(loss, "sum") && (weighted || !overlaps_batch(loss)) ? 1.0 : 1.0 / rows;
}

bool lsi_loss_minds_batches(const lsi_loss *loss) {
  return reduces_by(loss, "sum") || reduces_by(loss, "mean_with_sample_weight") || ignores(loss) || overlaps_batch(loss);
}

int lsi_loss_batch_sums(const lsi_loss *loss, bool weighted) {
  if (overlaps_batch(loss))
    return LSI_LOSS_MAX_BATCH_SUMS;
  bool by_weight = weighted && reduces_by(loss, "mean_with_sample_weight");
  return by_weight || (ignores(loss) && !reduces_by(loss, "sum"));
}

/* The rows that count, or their weights; of the overlap losses its sums before. */
void lsi_loss_row_sums(const lsi_loss *loss, size_t rows, size_t n, const float *in, const int32_t *label,
                       const float *target, const float *weight, double *sums) {
  bool overlap = overlaps_batch(loss), by_weight = overlap || reduces_by(loss, "mean_with_sample_weight");
  int32_t ignored = ignores(loss) ? (int32_t)lsi_object_get(&loss->object, "ignore_class") : 0;
  for (size_t r = 0; r < rows; r++) {
    double *own = sums + r * (overlap ? LSI_LOSS_MAX_BATCH_SUMS : 1);
    if (overlap)
      lsi_loss_overlap_sums(in + r * n, target + r * n, n, own);
    double counts = by_weight && weight ? (double)weight[r] : 1.0;
    own[overlap ? 3 : 0] = label && ignores(loss) && label[r] == ignored ? 0.0 : counts;
  }
}

/* What every row's weight is multiplied by, so that the mean is taken over what counts; nothing counts: nothing is lost. */
static double batch_factor(const lsi_loss *loss, const lsi_loss_batch *batch) {
  if (!batch || (overlaps_batch(loss) && !reduces_by(loss, "mean_with_sample_weight")))
    return 1.0;
  double counted = batch->totals[overlaps_batch(loss) ? 3 : 0];
  return counted != 0.0 ? batch->rows / counted : 0.0;
}

/* ---- one pass ---- */

static double argument(const lsi_object *object, const char *name, double otherwise) {
  double value = lsi_object_get(object, name);
  return isnan(value) ? otherwise : value;
}

static void set_arguments(lsi_loss_pass *pass, const lsi_object *object) {
  double smoothing = argument(object, "label_smoothing", 0.0);
  bool binary = pass->kind == LSI_LOSS_BINARY_CROSSENTROPY || pass->kind == LSI_LOSS_BINARY_FOCAL_CROSSENTROPY;
  pass->keep = (float)(1.0 - smoothing);
  pass->add = binary ? (float)(0.5 * smoothing) : (float)smoothing / (float)pass->n;
  pass->delta = (float)argument(object, "delta", 0.0);
  pass->alpha = argument(object, "alpha", 0.5); /* Dice has neither */
  pass->beta = argument(object, "beta", 0.5);
  pass->gamma = argument(object, "gamma", 0.0);
  pass->q = argument(object, "q", 0.0);
  pass->balance = argument(object, "apply_class_balancing", 0.0) != 0.0;
  pass->is_sum = pass->kind == LSI_LOSS_KL_DIVERGENCE;
  pass->has_ignored = !isnan(lsi_object_get(object, "ignore_class"));
  pass->ignored = (int32_t)argument(object, "ignore_class", 0.0);
}

ls_status lsi_loss_batch_rows(const lsi_loss *loss, const lsi_loss_batch *batch, size_t rows, size_t n,
                              const float *in, const int32_t *label, const float *target,
                              const float *weight, double scale, double *value, float *pred,
                              float *grad, int64_t *bad_row) {
  enum { COST = 60 }; /* of an element, in multiply-adds */
  lsi_loss_pass pass = {.kind = kind_of(loss),
                        .on_logits = loss->on_logits,
                        .linked = loss->link != LSI_ACT_LINEAR,
                        .n = n,
                        .in = in,
                        .label = label,
                        .target = target,
                        .weight = weight,
                        .scale = scale,
                        .factor = batch_factor(loss, batch),
                        .batch = overlaps_batch(loss) ? batch : NULL,
                        .value = value,
                        .pred = pred,
                        .grad = grad};
  set_arguments(&pass, &loss->object);
  if (label)
    LSI_TRY(check_label_range(&pass, rows, bad_row));
  lsi_rows_run(rows, COST * (double)rows * (double)n, work, &pass);
  return LS_OK;
}

ls_status lsi_loss_rows(const lsi_loss *loss, size_t rows, size_t n, const float *in,
                        const int32_t *label, const float *target, const float *weight,
                        double scale, double *value, float *pred, float *grad, int64_t *bad_row) {
  return lsi_loss_batch_rows(loss, NULL, rows, n, in, label, target, weight, scale, value, pred, grad, bad_row);
}
