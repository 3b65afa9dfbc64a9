/* SPDX-License-Identifier: MIT */
/* `lockstep inspect` and `lockstep digest`: what is in a file, by its content. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <lockstep/tools.h>

#include "ckpt/keras_config.h"
#include "train/file_state.h"

static void print_line(FILE *out, const char *label, const char *text) {
  if (text) fprintf(out, "%-14s%s\n", label, text);
}

static void print_tensor(FILE *out, const lsi_file_tensor *tensor, const char *kind) {
  char shape[120];
  double low = INFINITY, high = -INFINITY, sum = 0;
  size_t odd = 0;
  for (size_t i = 0; i < tensor->count; i++) {
    double v = tensor->values[i];
    odd += !isfinite(v);
    low = fmin(low, v);
    high = fmax(high, v);
    sum += v;
  }
  lsi_file_shape_text(tensor, shape, sizeof shape);
  fprintf(out, "  %-37s %-17s %-13s min %-12.5g mean %-12.5g max %.5g", tensor->name, shape, kind, low,
          sum / (double)tensor->count, high);
  fprintf(out, odd ? "  %zu not finite\n" : "\n", odd);
}

static void print_params(FILE *out, const lsi_file_state *state) {
  size_t total = 0;
  for (int i = 0; i < state->n_params; i++) total += state->tensors[i].count;
  fprintf(out, "parameters    %d tensors, %zu values\n", state->n_params, total);
  for (int i = 0; i < state->n_params; i++) {
    const char *kind = "";
    if (state->net) kind = state->net->layout.tensors[i].trainable ? "trainable" : "not trained";
    print_tensor(out, &state->tensors[i], kind);
  }
}

static ls_status print_compile(FILE *out, const char *training_json) {
  lsi_compile compile;
  char text[8192];
  if (!training_json) {
    print_line(out, "compiled", "no");
    return LS_OK;
  }
  LSI_TRY(lsi_keras_training_parse(training_json, &compile));
  LSI_TRY(lsi_object_print(&compile.optimizer, false, text, sizeof text));
  print_line(out, "optimizer", text);
  print_line(out, "loss", compile.loss.info ? compile.loss_text : "none");
  if (compile.weighs_loss) fprintf(out, "loss_weights  %g\n", compile.loss_weight);
  for (int i = 0; i < compile.n_metrics; i++) {
    snprintf(text, sizeof text, "%s%s", compile.metrics[i], compile.weighted[i] ? " (weighted)" : "");
    print_line(out, i ? "" : "metrics", text);
  }
  return LS_OK;
}

static ls_status inspect_model(const lsi_file_state *state, FILE *out) {
  char text[200];
  const char *version = lsi_model_file_text(state->model, "version");
  const char *keras = lsi_model_file_text(state->model, "keras_version");
  const char *backend = lsi_model_file_text(state->model, "backend");
  if (version) snprintf(text, sizeof text, "Lockstep %.60s", version);
  else if (backend) snprintf(text, sizeof text, "Keras %.60s (%.60s)", keras ? keras : "?", backend);
  else snprintf(text, sizeof text, "Keras %.60s", keras ? keras : "?");
  print_line(out, "kind", state->kind == LSI_FILE_KERAS_ARCHIVE ? "model (.keras)" : "model");
  print_line(out, "written by", text);
  print_line(out, "kernels", lsi_model_file_text(state->model, "kernels"));
  int n_layers = 0; /* as summary shows them: without the input */
  for (int i = 0; i < state->net->n_layers; i++) n_layers += state->net->layers[i]->kind != LSI_LAYER_INPUT;
  fprintf(out, "%-14s%s, %d layer%s, output", "model", state->net->name, n_layers, n_layers == 1 ? "" : "s");
  const lsi_shape *shape = &lsi_net_last(state->net)->out;
  fprintf(out, " (None");
  for (int d = 0; d < shape->rank; d++) fprintf(out, ", %lld", (long long)shape->dims[d]);
  fprintf(out, ")\n");
  LSI_TRY(print_compile(out, lsi_model_file_training_json(state->model)));
  print_line(out, "holds", lsi_model_file_has_optimizer(state->model) ? "weights and the optimizer's state" : "weights");
  return LS_OK;
}

/* position: epoch, step in the epoch, iteration, then what the trainer adds. */
static void print_position(FILE *out, const lsi_checkpoint *checkpoint) {
  static const char *const labels[] = {"epoch", "step", "iteration"};
  const lsi_ckpt_array *position = lsi_checkpoint_array(checkpoint, "position");
  if (!position || position->type != LSI_CKPT_I64) return;
  uint64_t n = position->rank == 1 ? position->dims[0] : 0;
  fprintf(out, "%-14s", "position");
  for (uint64_t i = 0; i < n && i < 3; i++)
    fprintf(out, "%s%s %lld", i ? ", " : "", labels[i], (long long)((const int64_t *)position->data)[i]);
  fprintf(out, "\n");
}

/* The settings the run was made with, one a line; the model's JSON is long and tells less than its tensors. */
static void print_recipe(FILE *out, const char *recipe) {
  if (!recipe) return;
  fprintf(out, "settings\n");
  for (size_t n; *recipe; recipe += n + (recipe[n] == '\n')) {
    n = strcspn(recipe, "\n");
    if (strncmp(recipe, "model: ", 7) != 0) fprintf(out, "  %.*s\n", (int)n, recipe);
  }
}

static void print_other_arrays(FILE *out, const lsi_checkpoint *checkpoint) {
  static const char *const types[] = {[LSI_CKPT_F32] = "float32", [LSI_CKPT_F64] = "float64", [LSI_CKPT_I64] = "int64"};
  fprintf(out, "other arrays\n");
  for (int i = 0; i < lsi_checkpoint_array_count(checkpoint); i++) {
    const lsi_ckpt_array *array = lsi_checkpoint_array_at(checkpoint, i);
    if (strncmp(array->name, "params/", 7) == 0) continue;
    lsi_file_tensor shape = {.rank = array->rank};
    char text[120];
    memcpy(shape.dims, array->dims, sizeof shape.dims);
    lsi_file_shape_text(&shape, text, sizeof text);
    fprintf(out, "  %-37s %-17s %s\n", array->name, text, types[array->type]);
  }
}

static void inspect_checkpoint(const lsi_checkpoint *checkpoint, FILE *out) {
  print_line(out, "kind", "checkpoint");
  print_position(out, checkpoint);
  print_line(out, "kernels", lsi_checkpoint_text(checkpoint, "kernels"));
  print_line(out, "data", lsi_checkpoint_text(checkpoint, "data_identity"));
  print_recipe(out, lsi_checkpoint_text(checkpoint, "recipe"));
}

static ls_status inspect_state(const char *path, FILE *out) {
  lsi_file_state state;
  char hex[33];
  LSI_TRY(lsi_file_state_read(path, &state));
  ls_status status = state.model ? inspect_model(&state, out) : LS_OK;
  if (state.checkpoint) inspect_checkpoint(state.checkpoint, out);
  if (status == LS_OK) status = lsi_file_state_digest(&state, hex);
  if (status == LS_OK) {
    print_line(out, "digest", hex);
    print_params(out, &state);
    if (state.checkpoint) print_other_arrays(out, state.checkpoint);
  }
  lsi_file_state_clear(&state);
  return status;
}

ls_status ls_inspect(const char *path, FILE *out) {
  lsi_file_kind kind;
  LSI_CHECK(path && out, LS_ERR_ARG, NULL, "ls_inspect: path and out must not be NULL");
  LSI_TRY(lsi_file_kind_of(path, &kind));
  if (kind == LSI_FILE_MODEL || kind == LSI_FILE_KERAS_ARCHIVE || kind == LSI_FILE_CHECKPOINT) return inspect_state(path, out);
  if (kind != LSI_FILE_DATASET) return lsi_file_kind_error(path, kind, "a data set, a model or a checkpoint of ours");
  print_line(out, "kind", "data set");
  return lsi_file_describe_dataset(path, out);
}

ls_status ls_digest_file(const char *path, char hex[33]) {
  lsi_file_state state;
  LSI_CHECK(path && hex, LS_ERR_ARG, NULL, "ls_digest_file: path and hex must not be NULL");
  LSI_TRY(lsi_file_state_read(path, &state));
  ls_status status = lsi_file_state_digest(&state, hex);
  lsi_file_state_clear(&state);
  return status;
}
