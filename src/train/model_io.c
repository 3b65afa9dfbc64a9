/* SPDX-License-Identifier: MIT */
/* Saving and loading models: rank 0 has the file, all ranks get the same model. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/model_file.h"
#include "math/gemm.h"
#include "par/comm.h"
#include "par/reading.h"
#include "train/model.h"
#include "train/model_source.h"
#include "train/shard.h"

/* ---- saving ---- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static ls_status write_file(const ls_model *model, const lsi_optimizer *optimizer, const char *path) {
  lsi_kernel_info info;
  char kernels[80];
  lsi_gemm_kernel_info(&info);
  snprintf(kernels, sizeof kernels, "BLIS %s %s", info.blis_version, info.blis_kernels);
  const lsi_model_extra extra = {.kernels = kernels};
  const lsi_net *net = model->net;
  const lsi_compile *compile = model->compiled ? &model->compile : NULL;
  if (ends_with(path, ".keras")) return lsi_keras_archive_write(path, net, net->params, compile, optimizer, &extra);
  if (ends_with(path, ".weights.h5")) return lsi_keras_weights_write(path, net, net->params, optimizer, &extra);
  return lsi_model_file_write(path, net, net->params, compile, &extra);
}

/* Keras warns about an optimizer without slots, so one that has not begun is written as it would begin. */
static ls_status save_on_root(const ls_model *model, const char *path) {
  lsi_optimizer *fresh = NULL;
  LSI_CHECK(model->net->has_weights, LS_ERR_STATE, "initialize, fit or load first", "%s: the model has no weights yet", path);
  if (model->compiled && !model->optimizer)
    LSI_TRY(lsi_optimizer_create(&model->compile.optimizer, &model->net->layout, &fresh));
  const lsi_optimizer *optimizer = model->optimizer ? model->optimizer : fresh;
  if (optimizer) lsi_optimizer_begin(optimizer, model->net->params);
  ls_status status = write_file(model, optimizer, path);
  lsi_optimizer_destroy(&fresh);
  return status;
}

typedef struct saving {
  const ls_model *model;
  const char *path;
} saving;

static ls_status save_it(void *self) {
  const saving *s = self;
  return save_on_root(s->model, s->path);
}

ls_status ls_model_save(const ls_model *model, const char *path) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(path);
  const lsi_comm *comm = lsi_context_comm(model->context);
  bool with_slots = ends_with(path, ".keras") || ends_with(path, ".weights.h5");
  if (with_slots) LSI_TRY(lsi_slots_to_root(model));
  lsi_reading writing = LSI_WRITING;
  ls_status status = comm->rank == 0 ? lsi_files_aside(comm, &writing, save_it, &(saving){model, path}) : LS_OK;
  lsi_slots_forget(model);
  return lsi_agree(comm, status);
}

int64_t ls_model_iteration(const ls_model *model) {
  return model->optimizer ? model->optimizer->iteration : 0;
}

/* ---- loading ---- */

/* Rank 0's weights and optimizer state to all. Collective. */
static ls_status share(const lsi_comm *comm, ls_model *model, bool optimizer) {
  lsi_net *net = model->net;
  lsi_optimizer *o = model->optimizer;
  net->has_weights = true;
  LSI_TRY(lsi_bcast(comm, net->params, net->layout.size * sizeof(float)));
  if (!optimizer) return LS_OK;
  LSI_TRY(lsi_bcast(comm, &o->iteration, sizeof o->iteration));
  LSI_TRY(lsi_bcast(comm, &o->learning_rate, sizeof o->learning_rate));
  LSI_TRY(lsi_bcast(comm, &o->scalar, sizeof o->scalar));
  for (int s = 0; s < o->n_slots; s++) LSI_TRY(lsi_bcast(comm, o->slots[s], o->n * sizeof(float)));
  return LS_OK;
}

/* Of rank 0, known to all: is there something to read? Collective. */
static ls_status ask(const lsi_comm *comm, const lsi_model_source *source, bool found[2]) {
  unsigned char flags[2] = {0, 0};
  if (comm->rank == 0) {
    flags[0] = lsi_model_source_has_weights(source);
    flags[1] = lsi_model_source_has_optimizer(source);
  }
  LSI_TRY(lsi_bcast(comm, flags, sizeof flags));
  found[0] = flags[0];
  found[1] = flags[1];
  return LS_OK;
}

/* On rank 0. Another optimizer's state is left where it is if `may_differ`. */
static ls_status read_optimizer(lsi_model_source *source, ls_model *model, bool may_differ) {
  ls_status status = lsi_model_source_read_optimizer(source, model->net, model->optimizer);
  if (status != LS_ERR_SHAPE || !may_differ) return status;
  lsi_log_warn("%s: the optimizer starts anew", ls_last_error()->message);
  lsi_model_forget_optimizer(model);
  return lsi_model_optimizer(model, &(lsi_optimizer *){NULL});
}

/* Weights, and the optimizer's state when the model is compiled and the file has it. Collective. */
static ls_status read_state(const lsi_comm *comm, lsi_model_source *source, ls_model *model, bool may_differ) {
  bool found[2];
  LSI_TRY(ask(comm, source, found));
  bool optimizer = model->compiled && found[1];
  ls_status status = LS_OK;
  if (optimizer) {
    lsi_model_forget_optimizer(model);
    status = lsi_model_optimizer(model, &(lsi_optimizer *){NULL});
  }
  if (comm->rank == 0 && status == LS_OK && found[0]) status = lsi_model_source_read_weights(source, model->net);
  if (comm->rank == 0 && status == LS_OK && optimizer) status = read_optimizer(source, model, may_differ);
  LSI_TRY(lsi_agree(comm, status));
  return found[0] ? share(comm, model, optimizer) : LS_OK;
}

/* The compile section travels as plain data: all ranks run one build, and the tables it points into are rebuilt from the JSON. */
static ls_status parse(const char *model_json, const char *training_json, size_t most, ls_model *model) {
  LSI_TRY(lsi_keras_model_parse_within(model_json, most, &model->net));
  LSI_TRY(lsi_net_build(model->net));
  model->compiled = training_json[0] != 0;
  return model->compiled ? lsi_keras_training_parse(training_json, &model->compile) : LS_OK;
}

static ls_status load_parts(const lsi_comm *comm, const char *path, lsi_model_source *source, ls_model *model) {
  char *model_json = comm->rank == 0 ? (char *)lsi_model_source_model_json(source) : NULL;
  char *training_json = comm->rank == 0 ? source->training_json : NULL;
  LSI_TRY(lsi_bcast_text(comm, &model_json));
  LSI_TRY(lsi_bcast_text(comm, &training_json));
  size_t most = comm->rank == 0 ? lsi_model_source_most_weights(source) : 0;
  LSI_TRY(lsi_bcast(comm, &most, sizeof most));
  ls_status status = parse(model_json, training_json, most, model);
  if (comm->rank != 0) lsi_free(model_json), lsi_free(training_json);
  if (status != LS_OK) lsi_error_prefix("%s", path);
  LSI_TRY(lsi_agree(comm, status));
  return read_state(comm, source, model, false);
}

ls_status ls_model_load(ls_context *context, const char *path, ls_model **out) {
  LSI_NOT_NULL(context);
  LSI_NOT_NULL(path);
  LSI_NOT_NULL(out);
  const lsi_comm *comm = lsi_context_comm(context);
  lsi_model_source source = {0};
  ls_model *model = NULL;
  LSI_TRY(lsi_agree(comm, comm->rank == 0 ? lsi_model_source_open(path, &source) : LS_OK));
  ls_status status = lsi_agree(comm, lsi_model_from_net(context, NULL, &model));
  if (status == LS_OK) status = load_parts(comm, path, &source, model);
  lsi_model_source_close(&source);
  if (status != LS_OK)
    ls_model_destroy(&model);
  else
    *out = model;
  return status;
}

ls_status ls_model_load_weights(ls_model *model, const char *path) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(path);
  lsi_model_source source = {0};
  const lsi_comm *comm = lsi_context_comm(model->context);
  ls_status status = lsi_net_build(model->net);
  if (status == LS_OK && comm->rank == 0) status = lsi_model_source_open_weights(path, &source);
  status = lsi_agree(comm, status);
  if (status == LS_OK) status = read_state(comm, &source, model, true);
  lsi_model_source_close(&source);
  return status;
}
