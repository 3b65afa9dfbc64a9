/* SPDX-License-Identifier: MIT */
#include "ckpt/onnx_file.h"
#include "par/comm.h"
#include "train/model.h"

ls_status ls_model_export_onnx(const ls_model *model, const char *path) {
  const lsi_comm *comm = lsi_context_comm(model->context);
  ls_status status = LS_OK;
  if (comm->rank == 0)
    status = model->net->has_weights
                 ? lsi_onnx_file_write(path, model->net, model->net->params)
                 : lsi_error_set(LS_ERR_STATE, "initialize, fit or load first", "%s: the model has no weights yet", path);
  return lsi_agree(comm, status);
}
