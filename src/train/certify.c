/* SPDX-License-Identifier: MIT */
#include "train/certify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "math/gemm.h"
#include "train/run.h"
#include "train/shard.h"
#include "train/trainer.h"

void lsi_kernels_text(char *text, size_t size) {
  lsi_kernel_info info;
  lsi_gemm_kernel_info(&info);
  snprintf(text, size, "BLIS %s %s", info.blis_version, info.blis_kernels);
}

static ls_status renew_text(lsi_certify *c) {
  lsi_free(c->text);
  c->text = NULL;
  return lsi_certificate_text(c->certificate, 0, &c->text);
}

static ls_status start(const ls_trainer *t, lsi_certificate **out) {
  char *recipe;
  LSI_TRY(lsi_run_recipe(t, &recipe));
  ls_status status = lsi_certificate_create(recipe, out);
  free(recipe);
  return status;
}

ls_status lsi_certify_begin(ls_trainer *t, const char *text) {
  lsi_certify *c = &t->certify;
  if (c->compares) return LS_OK;
  lsi_certify_clear(c);
  if (text && lsi_certificate_parse("checkpoint", text, &c->certificate) != LS_OK) {
    lsi_log_warn("%s; the run's certificate begins anew", ls_last_error()->message);
    lsi_error_clear();
  }
  if (!c->certificate) LSI_TRY(start(t, &c->certificate));
  return renew_text(c);
}

void lsi_certify_clear(lsi_certify *c) {
  lsi_certificate_destroy(&c->certificate);
  lsi_free(c->text);
  c->text = NULL;
}

static void hash_slot(const lsi_layout *layout, const float *slot, lsi_hash *hash) {
  for (int i = 0; i < layout->n; i++)
    if (layout->tensors[i].trainable)
      lsi_hash_update(hash, slot + layout->tensors[i].offset, layout->tensors[i].count * sizeof *slot);
}

ls_status lsi_slots_digest(const ls_trainer *t, char hex[LSI_DIGEST_HEX]) {
  lsi_hash *hash = NULL;
  bool root = t->comm->rank == 0;
  ls_status status = lsi_agree(t->comm, root ? lsi_hash_create(&hash) : LS_OK);
  for (int s = 0; status == LS_OK && s < t->optimizer->n_slots; s++) {
    status = lsi_slot_to_root(t->model, s); /* one at a time: rank 0 has room for its share of them */
    if (status == LS_OK && root) hash_slot(&t->model->net->layout, t->optimizer->slots[s], hash);
    lsi_slot_forget(t->model, s);
  }
  if (status == LS_OK && root) lsi_hash_hex(hash, hex);
  lsi_hash_destroy(&hash);
  return status;
}

/* ---- an epoch ---- */

static ls_status write_file(const ls_trainer *t) {
  char path[LSI_PATH_BYTES], *text = NULL;
  snprintf(path, sizeof path, "%s/certificate.json", t->spec.run.dir);
  LSI_TRY(lsi_certificate_text(t->certify.certificate, 1, &text));
  ls_status status = lsi_durable_write(path, text, strlen(text));
  lsi_free(text);
  return status;
}

static ls_status enter(ls_trainer *t, const lsi_certified *e) {
  LSI_TRY(lsi_certificate_add(t->certify.certificate, e));
  LSI_TRY(renew_text(&t->certify));
  return write_file(t);
}

static ls_status compare(const ls_trainer *t, const lsi_certified *e) {
  const lsi_certify *c = &t->certify;
  if (e->epoch < c->first) return LS_OK;
  LSI_TRY(lsi_certificate_compare(c->certificate, e));
  if (c->out) fprintf(c->out, "epoch %" PRId64 ": agrees (parameters %s, slots %s)\n", e->epoch, e->parameters, e->slots), fflush(c->out);
  return LS_OK;
}

static ls_status certify_on_root(ls_trainer *t, const lsi_logs *logs, const char *slots) {
  const char *names[LSI_MAX_LOGS];
  char kernels[80];
  for (int i = 0; i < logs->n; i++) names[i] = logs->names[i];
  lsi_kernels_text(kernels, sizeof kernels);
  lsi_certified e = {.epoch = t->epoch, .iteration = t->optimizer->iteration, .skipped = t->guard.skipped,
                     .learning_rate = t->optimizer->learning_rate, .kernels = kernels, .version = LS_VERSION,
                     .n_values = logs->n, .names = names, .values = logs->values};
  LSI_TRY(lsi_net_digest(t->model->net, t->model->net->params, e.parameters));
  memcpy(e.slots, slots, sizeof e.slots);
  return t->certify.compares ? compare(t, &e) : enter(t, &e);
}

ls_status lsi_certify_epoch(ls_trainer *t, const lsi_logs *logs) {
  if (!t->spec.run.dir && !t->certify.compares) return LS_OK;
  char slots[LSI_DIGEST_HEX] = "";
  LSI_TRY(lsi_slots_digest(t, slots));
  return lsi_agree(t->comm, t->comm->rank == 0 ? certify_on_root(t, logs, slots) : LS_OK);
}

ls_status lsi_certify_end(ls_trainer *t, const char *model, const char *history) {
  lsi_certified_end end;
  snprintf(end.model, sizeof end.model, "%s", model);
  lsi_hash_bytes(history, strlen(history), end.history);
  LSI_TRY(lsi_certificate_set_end(t->certify.certificate, &end));
  return write_file(t);
}
