/* SPDX-License-Identifier: MIT */
#include "nn/loss.h"

#include "nn/loss_pass.h"
#include "nn/rows.h"

#define FROM_LOGITS                                                                                \
  { "from_logits", LSI_PARAM_BOOL, 0.0, 0.0, 1.0, NULL }
#define SMOOTHING                                                                                  \
  { "label_smoothing", LSI_PARAM_FLOAT, 0.0, 0.0, 1.0, NULL }
#define AXIS                                                                                       \
  { "axis", LSI_PARAM_INT, -1.0, -1.0, -1.0, NULL }
#define REDUCTION                                                                                  \
  {                                                                                                \
    "reduction", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, "sum_over_batch_size|mean"                         \
  } /* two names of one thing */
#define NAME(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }

static const lsi_class_info classes[] = {
    {.kind = LSI_LOSS_CATEGORICAL_CROSSENTROPY,
     .class_name = "CategoricalCrossentropy",
     .name = "categorical_crossentropy",
     .n_params = 5,
     .params = {FROM_LOGITS, SMOOTHING, AXIS, REDUCTION, NAME("categorical_crossentropy")}},
    {.kind = LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY,
     .class_name = "SparseCategoricalCrossentropy",
     .name = "sparse_categorical_crossentropy",
     .n_params = 5,
     .params = {FROM_LOGITS,
                {"ignore_class", LSI_PARAM_INT, NAN, -LSI_MAX_COUNT, LSI_MAX_COUNT, NULL},
                REDUCTION,
                AXIS,
                NAME("sparse_categorical_crossentropy")}},
    {.kind = LSI_LOSS_BINARY_CROSSENTROPY,
     .class_name = "BinaryCrossentropy",
     .name = "binary_crossentropy",
     .aliases = {"bce"},
     .n_params = 5,
     .params = {FROM_LOGITS, SMOOTHING, AXIS, REDUCTION, NAME("binary_crossentropy")}},
    {.kind = LSI_LOSS_MEAN_SQUARED_ERROR,
     .class_name = "MeanSquaredError",
     .name = "mean_squared_error",
     .aliases = {"mse"},
     .n_params = 2,
     .params = {REDUCTION, NAME("mean_squared_error")}},
    {.kind = LSI_LOSS_MEAN_ABSOLUTE_ERROR,
     .class_name = "MeanAbsoluteError",
     .name = "mean_absolute_error",
     .aliases = {"mae"},
     .n_params = 2,
     .params = {REDUCTION, NAME("mean_absolute_error")}},
    {.kind = LSI_LOSS_HUBER,
     .class_name = "Huber",
     .name = "huber",
     .aliases = {"huber_loss"},
     .n_params = 3,
     .params = {{"delta", LSI_PARAM_FLOAT, 1.0, 1e-30, 1e30, NULL}, REDUCTION, NAME("huber_loss")}},
};

static ls_status check_loss(const lsi_object *object) {
  LSI_CHECK(isnan(lsi_object_get(object, "ignore_class")), LS_ERR_UNSUPPORTED,
            "Leave those samples out of the data, or give them sample weight 0.",
            "loss %s: ignore_class is not supported", object->info->class_name);
  return LS_OK;
}

const lsi_family lsi_losses = {.what = "loss",
                               .classes = classes,
                               .n_classes = (int)(sizeof classes / sizeof *classes),
                               .check = check_loss};

static lsi_loss_kind kind_of(const lsi_loss *loss) {
  return (lsi_loss_kind)loss->object.info->kind;
}

static bool is_categorical(lsi_loss_kind kind) {
  return kind == LSI_LOSS_CATEGORICAL_CROSSENTROPY ||
         kind == LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY;
}

/* The activation whose logits the loss can take. */
static lsi_activation link_of(lsi_loss_kind kind) {
  return is_categorical(kind)                   ? LSI_ACT_SOFTMAX
         : kind == LSI_LOSS_BINARY_CROSSENTROPY ? LSI_ACT_SIGMOID
                                                : LSI_ACT_LINEAR;
}

ls_status lsi_loss_init(lsi_loss *loss, const lsi_object *object, lsi_activation last,
                        int64_t n_outputs) {
  LSI_CHECK(object->info, LS_ERR_STATE, "Compile the model with a loss.", "the model has no loss");
  LSI_TRY(lsi_object_check(&lsi_losses, object));
  lsi_loss_kind kind = (lsi_loss_kind)object->info->kind;
  const char *name = object->info->name;
  bool from_logits = lsi_object_get(object, "from_logits") == 1.0;
  LSI_CHECK(!is_categorical(kind) || n_outputs > 1, LS_ERR_SHAPE,
            "For two classes and one output use binary_crossentropy with a sigmoid.",
            "loss %s needs an output for each class; the last layer has %lld", name,
            (long long)n_outputs);
  LSI_CHECK(
      !from_logits || last == LSI_ACT_LINEAR, LS_ERR_ARG,
      "Make the last activation linear, or leave from_logits out.",
      "loss %s has from_logits=True, but the last layer ends in %s: its outputs are not logits",
      name, lsi_activation_name(last));
  bool fused = last != LSI_ACT_LINEAR && last == link_of(kind);
  *loss = (lsi_loss){
      .object = *object, .on_logits = from_logits || fused, .link = fused ? last : LSI_ACT_LINEAR};
  return LS_OK;
}

lsi_target_form lsi_loss_target_form(const lsi_loss *loss) {
  return kind_of(loss) == LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY ? LSI_TARGET_LABEL
                                                                   : LSI_TARGET_VALUES;
}

static ls_status check_labels(const lsi_loss *loss, int64_t n_outputs, bool *one_hot) {
  lsi_loss_kind kind = kind_of(loss);
  *one_hot = kind == LSI_LOSS_CATEGORICAL_CROSSENTROPY;
  LSI_CHECK(is_categorical(kind) || n_outputs == 1, LS_ERR_SHAPE,
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
  if (kind_of(loss) == LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY) {
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

static ls_status check_label_range(const int32_t *label, size_t rows, size_t n, int64_t *bad_row) {
  for (size_t r = 0; r < rows; r++)
    if (label[r] < 0 || (uint32_t)label[r] >= n) {
      *bad_row = (int64_t)r;
      LSI_FAIL(LS_ERR_ARG, "Labels count from 0; give the last layer a unit for each class.",
               "label %d is outside 0..%lld, the classes the outputs have", (int)label[r],
               (long long)n - 1);
    }
  return LS_OK;
}

static void work(void *context, size_t first, size_t end) {
  const lsi_loss_pass *pass = context;
  if (!is_categorical(pass->kind))
    lsi_loss_elementwise(pass, first, end);
  else if (pass->on_logits)
    lsi_loss_softmax_logits(pass, first, end);
  else
    lsi_loss_probabilities(pass, first, end);
}

static void set_arguments(lsi_loss_pass *pass, const lsi_object *object) {
  double smoothing = lsi_object_get(object, "label_smoothing"),
         delta = lsi_object_get(object, "delta");
  if (isnan(smoothing))
    smoothing = 0.0;
  pass->keep = (float)(1.0 - smoothing);
  pass->add = pass->kind == LSI_LOSS_BINARY_CROSSENTROPY ? (float)(0.5 * smoothing)
                                                         : (float)smoothing / (float)pass->n;
  pass->delta = isnan(delta) ? 0.0f : (float)delta;
}

ls_status lsi_loss_rows(const lsi_loss *loss, size_t rows, size_t n, const float *in,
                        const int32_t *label, const float *target, const float *weight,
                        double scale, double *value, float *pred, float *grad, int64_t *bad_row) {
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
                        .value = value,
                        .pred = pred,
                        .grad = grad};
  if (label)
    LSI_TRY(check_label_range(label, rows, n, bad_row));
  set_arguments(&pass, &loss->object);
  lsi_rows_run(rows, COST * (double)rows * (double)n, work, &pass);
  return LS_OK;
}
