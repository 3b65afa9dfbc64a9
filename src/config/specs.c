/* SPDX-License-Identifier: MIT */
/* fit:, callbacks:, checkpoint:, parallel: and profile: as the specs of the public API. */
#include <string.h>

#include "config/document.h"

ls_status ls_config_fit_spec(const ls_config *config, ls_fit_spec *out) {
  LSI_CHECK(config && out, LS_ERR_ARG, NULL, "ls_config_fit_spec: NULL argument");
  lsi_values fit = lsi_get_map(config->values, "fit");
  lsi_values checkpoint = lsi_get_map(config->values, "checkpoint");
  lsi_values parallel = lsi_get_map(config->values, "parallel");
  lsi_values profile = lsi_get_map(config->values, "profile");
  ls_fit_spec spec = ls_fit_spec_default();
  spec.batch_size = lsi_get_int(fit, "batch_size");
  spec.epochs = lsi_get_int(fit, "epochs");
  spec.initial_epoch = lsi_get_int(fit, "initial_epoch");
  spec.steps_per_epoch = lsi_get_int(fit, "steps_per_epoch");
  spec.shuffle = lsi_get_text(fit, "shuffle");
  spec.no_shuffle = strcmp(spec.shuffle, "false") == 0;
  spec.shuffle_block = lsi_get_int(fit, "shuffle_block");
  spec.shuffle_window = lsi_get_int(fit, "shuffle_window");
  spec.validation_split = lsi_get_float(fit, "validation_split");
  spec.validation_batch_size = lsi_get_int(fit, "validation_batch_size");
  spec.validation_steps = lsi_get_int(fit, "validation_steps");
  spec.validation_freq = lsi_get_int(fit, "validation_freq");
  int n_weights;
  spec.class_weight = lsi_get_list(fit, "class_weight", &n_weights);
  spec.n_class_weight = n_weights;
  spec.seed = (uint64_t)lsi_get_int(fit, "seed");
  spec.base_batch_size = lsi_get_int(fit, "base_batch_size");
  spec.verbose = (int)lsi_get_int(fit, "verbose");
  spec.callbacks = (const char *const *)config->callbacks;
  spec.n_callbacks = config->n_callbacks;
  spec.leaf_rows = lsi_get_int(parallel, "leaf_rows");
  spec.bucket_bytes = 1024 * lsi_get_int(parallel, "bucket_kib");
  spec.exchange = lsi_get_text(parallel, "exchange");
  spec.no_overlap = !lsi_get_bool(parallel, "overlap");
  spec.not_reproducible = !lsi_get_bool(parallel, "reproducible");
  spec.on_nonfinite = lsi_get_text(fit, "on_nonfinite");
  spec.shard_optimizer = lsi_get_bool(parallel, "shard_optimizer");
  int64_t check = lsi_get_int(parallel, "check_every_steps");
  spec.check_every_steps = check ? check : -1; /* the spec's 0 means its default */
  spec.run.config_text = config->text;
  spec.run.checkpoint_steps = lsi_get_int(checkpoint, "every_steps");
  spec.run.checkpoint_seconds = lsi_get_float(checkpoint, "every_seconds");
  int64_t epochs = lsi_get_int(checkpoint, "every_epochs");
  spec.run.checkpoint_epochs = epochs ? epochs : -1; /* the spec's 0 means its default */
  spec.run.checkpoint_keep = (int)lsi_get_int(checkpoint, "keep");
  spec.run.checkpoint_blocking = !lsi_get_bool(checkpoint, "background");
  spec.run.checkpoint_writers = (int)lsi_get_int(checkpoint, "writers");
  spec.run.checkpoint_verify = lsi_get_bool(checkpoint, "verify");
  spec.run.checkpoint_on_error = lsi_get_text(checkpoint, "on_error");
  spec.run.time_limit = lsi_get_float(checkpoint, "time_limit");
  spec.run.before_end_seconds = lsi_get_float(checkpoint, "before_end_seconds");
  spec.profile.report = lsi_get_bool(profile, "report");
  spec.profile.timeline = lsi_get_text(profile, "timeline");
  spec.profile.timeline_start = lsi_get_int(profile, "timeline_start");
  spec.profile.timeline_steps = lsi_get_int(profile, "timeline_steps");
  *out = spec;
  return LS_OK;
}

ls_status ls_config_context_spec(const ls_config *config, ls_context_spec *out) {
  LSI_CHECK(config && out, LS_ERR_ARG, NULL, "ls_config_context_spec: NULL argument");
  lsi_values parallel = lsi_get_map(config->values, "parallel");
  ls_context_spec spec = ls_context_spec_default();
  spec.threads = (int)lsi_get_int(parallel, "threads");
  spec.thread_work = lsi_get_int(parallel, "thread_work");
  spec.kernels = lsi_get_text(parallel, "kernels");
  spec.deadline_seconds = lsi_get_float(parallel, "deadline_seconds");
  *out = spec;
  return LS_OK;
}
