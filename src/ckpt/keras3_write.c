/* SPDX-License-Identifier: MIT */
/* .keras and .weights.h5: Keras 3's two formats, the second being a member of the first. */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ckpt/keras3_config.h"
#include "ckpt/keras_archive.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_variables.h"
#include "ckpt/model_parts.h"
#include "ckpt/model_seal.h"
#include "store/durable.h"

/* What compile() was told in our own words, bound to the config.json it goes with. */
static ls_status write_training(hid_t file, const char *config, const lsi_compile *compile) {
  char *text, hex[LSI_DIGEST_HEX];
  LSI_TRY(lsi_keras_training_json(compile, &text));
  ls_status status = lsi_h5_write_attr_string(file, "lockstep", "training_config", text);
  lsi_free(text);
  LSI_TRY(status);
  lsi_hash_bytes(config, strlen(config), hex);
  return lsi_h5_write_attr_string(file, "lockstep", "text_digest", hex);
}

/* config NULL: the weights alone. */
static ls_status make_image(const lsi_net *net, const float *params, const char *config, const lsi_compile *compile,
                            const lsi_optimizer *optimizer, const lsi_model_extra *extra, void **bytes, size_t *n) {
  hid_t file;
  LSI_TRY(lsi_h5_image_create(&file));
  ls_status status = lsi_keras_variables_write(file, net, params, optimizer);
  if (status == LS_OK) status = lsi_model_write_own(file, net, params, extra);
  if (status == LS_OK && config && compile) status = write_training(file, config, compile);
  if (status == LS_OK) return lsi_h5_image_finish(file, bytes, n);
  lsi_h5_close(file);
  return status;
}

static ls_status check_built(const char *path, const lsi_net *net) {
  LSI_CHECK(net->built, LS_ERR_STATE, "compile the model first", "%s: model '%s' has no weights yet", path, net->name);
  return LS_OK;
}

ls_status lsi_keras_weights_write(const char *path, const lsi_net *net, const float *params, const lsi_optimizer *optimizer,
                                  const lsi_model_extra *extra) {
  void *bytes = NULL;
  size_t n = 0;
  LSI_TRY(check_built(path, net));
  ls_status status = make_image(net, params, NULL, NULL, optimizer, extra, &bytes, &n);
  if (status == LS_OK) status = lsi_model_seal(&bytes, &n);
  if (status != LS_OK) lsi_error_prefix("%s", path);
  if (status == LS_OK) status = lsi_durable_write(path, bytes, n);
  lsi_free(bytes);
  return status;
}

ls_status lsi_keras_archive_write(const char *path, const lsi_net *net, const float *params, const lsi_compile *compile,
                                  const lsi_optimizer *optimizer, const lsi_model_extra *extra) {
  char *config = NULL;
  void *weights = NULL, *bytes = NULL;
  size_t n_weights = 0, n = 0;
  LSI_TRY(check_built(path, net));
  ls_status status = lsi_keras3_config_json(net, compile, &config);
  if (status == LS_OK) status = make_image(net, params, config, compile, optimizer, extra, &weights, &n_weights);
  if (status == LS_OK) status = lsi_keras_archive_pack(config, weights, n_weights, &bytes, &n);
  lsi_free(weights);
  lsi_free(config);
  if (status != LS_OK) lsi_error_prefix("%s", path);
  if (status == LS_OK) status = lsi_durable_write(path, bytes, n);
  lsi_free(bytes);
  return status;
}
