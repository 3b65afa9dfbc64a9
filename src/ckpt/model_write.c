/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_origin.h"
#include "ckpt/model_parts.h"
#include "ckpt/model_seal.h"
#include "store/durable.h"
#include "store/h5.h"

/* What Keras 2 and 3 take this file for; the versions they were tested with. */
static const char keras_version[] = "2.15.0", keras_backend[] = "tensorflow";

static ls_status write_origin(hid_t loc, const char *object) {
  LSI_TRY(lsi_h5_write_attr_string(loc, object, "keras_version", keras_version));
  return lsi_h5_write_attr_string(loc, object, "backend", keras_backend);
}

static ls_status write_tensor(hid_t group, const lsi_tensor *tensor, const char *name, const float *values) {
  uint64_t dims[LS_MAX_WEIGHT_RANK];
  for (int d = 0; d < tensor->rank; d++) dims[d] = (uint64_t)tensor->dims[d];
  hid_t type = tensor->is_integer ? H5T_STD_I64LE : H5T_IEEE_F32LE;
  return lsi_h5_write(group, name, tensor->rank, dims, type, H5T_NATIVE_FLOAT, values);
}

/* Keras 2's names: "dense/kernel:0" inside the group "dense". */
static ls_status write_layer(hid_t weights, const lsi_layer *layer, const float *params) {
  enum { MAX_TENSORS = 8, NAME_BYTES = LSI_NAME + 4 };
  char names[MAX_TENSORS][NAME_BYTES], path[2 * LSI_NAME + 8];
  const char *list[MAX_TENSORS];
  LSI_CHECK(layer->n_tensors <= MAX_TENSORS, LS_ERR_INTERNAL, NULL, "%s: %d tensors", layer->name, layer->n_tensors);
  LSI_TRY(lsi_h5_make_group(weights, layer->name));
  for (int i = 0; i < layer->n_tensors; i++) {
    const lsi_tensor *tensor = &layer->tensors[i];
    snprintf(names[i], NAME_BYTES, "%s:0", tensor->name);
    snprintf(path, sizeof path, "%s/%s", layer->name, names[i]);
    list[i] = names[i];
    LSI_TRY(write_tensor(weights, tensor, path, params + tensor->offset));
  }
  return lsi_h5_write_attr_strings(weights, layer->name, "weight_names", list, (size_t)layer->n_tensors);
}

static ls_status write_layers(hid_t weights, const lsi_net *net, const float *params, const char **names) {
  for (int i = 1; i < net->n_layers; i++) {
    names[i - 1] = net->layers[i]->name;
    LSI_TRY(write_layer(weights, net->layers[i], params));
  }
  LSI_TRY(lsi_h5_write_attr_strings(weights, ".", "layer_names", names, (size_t)net->n_layers - 1));
  LSI_TRY(lsi_h5_make_group(weights, "top_level_model_weights"));
  LSI_TRY(lsi_h5_write_attr_strings(weights, "top_level_model_weights", "weight_names", NULL, 0));
  return write_origin(weights, ".");
}

static ls_status write_weights(hid_t file, const lsi_net *net, const float *params) {
  const char **names = NULL;
  LSI_TRY(lsi_h5_make_group(file, "model_weights"));
  LSI_TRY(LSI_ALLOC("layer names", net->n_layers, &names));
  hid_t group = H5Gopen2(file, "model_weights", H5P_DEFAULT);
  ls_status status = group < 0 ? lsi_error_set(LS_ERR_INTERNAL, NULL, "HDF5: cannot open the group model_weights")
                               : write_layers(group, net, params, names);
  if (group >= 0) H5Gclose(group);
  lsi_free(names);
  return status;
}

/* model_config, training_config, the words of Keras 3 the net was read from, and the digest of all. */
static ls_status write_texts(hid_t file, const lsi_net *net, const lsi_compile *compile) {
  char *model = NULL, *training = NULL, hex[LSI_DIGEST_HEX];
  const char *origin;
  lsi_hash *hash = NULL;
  ls_status status = lsi_hash_create(&hash);
  if (status != LS_OK) return status;
  LSI_TRY_GOTO(status, done, lsi_keras_model_file_json(net, &model));
  LSI_TRY_GOTO(status, done, lsi_h5_write_attr_string(file, ".", "model_config", model));
  lsi_hash_update(hash, model, strlen(model));
  if (compile) {
    LSI_TRY_GOTO(status, done, lsi_keras_training_json(compile, &training));
    LSI_TRY_GOTO(status, done, lsi_h5_write_attr_string(file, ".", "training_config", training));
    lsi_hash_update(hash, training, strlen(training));
  }
  LSI_TRY_GOTO(status, done, lsi_keras_origin_text(net, &origin));
  if (origin) {
    LSI_TRY_GOTO(status, done, lsi_h5_write_attr_string(file, "lockstep", "origin", origin));
    lsi_hash_update(hash, origin, strlen(origin));
  }
  lsi_hash_hex(hash, hex);
  status = lsi_h5_write_attr_string(file, "lockstep", "text_digest", hex);
done:
  lsi_free(training);
  lsi_free(model);
  lsi_hash_destroy(&hash);
  return status;
}

ls_status lsi_model_write_own(hid_t file, const lsi_net *net, const float *params, const lsi_model_extra *extra) {
  char hex[LSI_DIGEST_HEX];
  LSI_TRY(lsi_h5_make_group(file, "lockstep"));
  LSI_TRY(lsi_h5_write_attr_i64(file, "lockstep", "format_version", 1));
  LSI_TRY(lsi_h5_write_attr_string(file, "lockstep", "version", LS_VERSION));
  if (extra && extra->kernels) LSI_TRY(lsi_h5_write_attr_string(file, "lockstep", "kernels", extra->kernels));
  if (extra && extra->config_text) LSI_TRY(lsi_h5_write_attr_string(file, "lockstep", "config", extra->config_text));
  LSI_TRY(lsi_net_digest(net, params, hex));
  return lsi_h5_write_attr_string(file, "lockstep", "digest", hex);
}

static ls_status write_file(hid_t file, const lsi_net *net, const float *params, const lsi_compile *compile,
                            const lsi_model_extra *extra) {
  LSI_TRY(write_origin(file, "."));
  LSI_TRY(lsi_model_write_own(file, net, params, extra));
  LSI_TRY(write_texts(file, net, compile));
  return write_weights(file, net, params);
}

ls_status lsi_model_file_write(const char *path, const lsi_net *net, const float *params, const lsi_compile *compile,
                               const lsi_model_extra *extra) {
  hid_t file;
  void *bytes = NULL;
  size_t n = 0;
  LSI_CHECK(net->built, LS_ERR_STATE, "compile the model first", "%s: model '%s' has no weights yet", path, net->name);
  LSI_TRY(lsi_h5_image_create(&file));
  ls_status status = write_file(file, net, params, compile, extra);
  if (status != LS_OK) {
    lsi_h5_close(file);
    lsi_error_prefix("%s", path);
    return status;
  }
  LSI_TRY(lsi_h5_image_finish(file, &bytes, &n));
  status = lsi_model_seal(&bytes, &n);
  if (status == LS_OK) status = lsi_durable_write(path, bytes, n);
  lsi_free(bytes);
  return status;
}
