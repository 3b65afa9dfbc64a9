/* SPDX-License-Identifier: MIT */
/* Saving and loading whole models: rank 0 has the file, all ranks get the same model. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/model_file.h"
#include "math/gemm.h"
#include "par/comm.h"
#include "train/model.h"

ls_status ls_model_save(const ls_model *model, const char *path) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(path);
  const lsi_comm *comm = lsi_context_comm(model->context);
  ls_status status = LS_OK;
  if (comm->rank == 0) {
    lsi_kernel_info info;
    char kernels[80];
    lsi_gemm_kernel_info(&info);
    snprintf(kernels, sizeof kernels, "BLIS %s %s", info.blis_version, info.blis_kernels);
    const lsi_model_extra extra = {.kernels = kernels};
    status = model->net->has_weights
                 ? lsi_model_file_write(path, model->net, model->net->params, model->compiled ? &model->compile : NULL, &extra)
                 : lsi_error_set(LS_ERR_STATE, "initialize, fit or load first", "%s: the model has no weights yet", path);
  }
  return lsi_agree(comm, status);
}

/* The compile section travels as plain data: all ranks run one build, and the tables it points into are rebuilt from the JSON. */
static ls_status parse(const char *model_json, const char *training_json, lsi_net **net, lsi_compile *compile, bool *compiled) {
  LSI_TRY(lsi_keras_model_parse(model_json, net));
  LSI_TRY(lsi_net_build(*net));
  *compiled = training_json[0] != 0;
  return *compiled ? lsi_keras_training_parse(training_json, compile) : LS_OK;
}

static ls_status load_parts(const lsi_comm *comm, const char *path, lsi_model_file *file, lsi_net **net, lsi_compile *compile,
                            bool *compiled) {
  char *model_json = NULL, *training_json = NULL;
  if (file) {
    model_json = (char *)lsi_model_file_model_json(file);
    training_json = (char *)lsi_model_file_training_json(file);
    if (!training_json) training_json = (char *)"";
  }
  LSI_TRY(lsi_bcast_text(comm, &model_json));
  LSI_TRY(lsi_bcast_text(comm, &training_json));
  ls_status status = parse(model_json, training_json, net, compile, compiled);
  if (comm->rank != 0) lsi_free(model_json), lsi_free(training_json);
  if (status == LS_OK && file) status = lsi_model_file_read_weights(file, *net);
  if (status != LS_OK) lsi_error_prefix("%s", path);
  LSI_TRY(lsi_agree(comm, status));
  (*net)->has_weights = true;
  return lsi_bcast(comm, (*net)->params, (*net)->layout.size * sizeof(float));
}

ls_status ls_model_load(ls_context *context, const char *path, ls_model **out) {
  LSI_NOT_NULL(context);
  LSI_NOT_NULL(path);
  LSI_NOT_NULL(out);
  const lsi_comm *comm = lsi_context_comm(context);
  lsi_model_file *file = NULL;
  lsi_net *net = NULL;
  ls_model *model;
  lsi_compile compile = {0};
  bool compiled = false;
  LSI_TRY(lsi_agree(comm, comm->rank == 0 ? lsi_model_file_open(path, &file) : LS_OK));
  ls_status status = load_parts(comm, path, file, &net, &compile, &compiled);
  lsi_model_file_close(&file);
  if (status == LS_OK) status = lsi_agree(comm, lsi_model_from_net(context, net, &model));
  if (status != LS_OK) {
    lsi_net_destroy(&net);
    return status;
  }
  model->compile = compile;
  model->compiled = compiled;
  *out = model;
  return LS_OK;
}
