/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_CERTIFICATE_H
#define LSI_CKPT_CERTIFICATE_H
/*
 * What a run was and what came out of it, epoch by epoch, to the bit: certificate.json of its folder. A function of the run
 * alone: no times, no ranks. Floats are hexadecimal, so that equal text means equal bits; the last member, "seal", is a digest
 * of all others.
 */
#include <stdint.h>
#include "base/hash.h"
#include "base/status.h"

typedef struct lsi_certificate lsi_certificate;

/* One epoch's outcome. Texts are borrowed. */
typedef struct lsi_certified {
  int64_t epoch;      /* from 1 */
  int64_t iteration, skipped;
  double learning_rate;
  char parameters[LSI_DIGEST_HEX]; /* what `lockstep digest` prints */
  char slots[LSI_DIGEST_HEX];
  const char *kernels, *version;   /* what computed it */
  int n_values;
  const char *const *names; /* loss, metrics */
  const double *values;
} lsi_certified;

ls_status lsi_certificate_create(const char *recipe, lsi_certificate **out);
void lsi_certificate_destroy(lsi_certificate **certificate);
/* LS_ERR_CORRUPT when the seal is broken, LS_ERR_FORMAT for what is no certificate. `what` is for messages. */
ls_status lsi_certificate_parse(const char *what, const char *text, lsi_certificate **out);
/* Indented, for people, or as short as it gets. lsi_free. */
ls_status lsi_certificate_text(const lsi_certificate *certificate, int indent, char **text);

/* What the whole run left: the parameters in model.h5, and the bytes of history.csv. */
typedef struct lsi_certified_end {
  char model[LSI_DIGEST_HEX], history[LSI_DIGEST_HEX];
} lsi_certified_end;

/* Add an epoch; those from it on are dropped first, and so is the end. */
ls_status lsi_certificate_add(lsi_certificate *certificate, const lsi_certified *epoch);
ls_status lsi_certificate_set_end(lsi_certificate *certificate, const lsi_certified_end *end);

const char *lsi_certificate_recipe(const lsi_certificate *certificate);
/* NULL before the run's end. */
const char *lsi_certificate_model(const lsi_certificate *certificate);
const char *lsi_certificate_history(const lsi_certificate *certificate);
/* The last epoch; 0: none. */
int64_t lsi_certificate_epochs(const lsi_certificate *certificate);
/* "parameters", "slots" or "kernels" of an epoch; NULL when it has no entry. */
const char *lsi_certificate_entry(const lsi_certificate *certificate, int64_t epoch, const char *key);

/* LS_OK; LS_ERR_DIFFERENT, naming what differs first and what could explain it; LS_ERR_NOT_FOUND without such an epoch. */
ls_status lsi_certificate_compare(const lsi_certificate *certificate, const lsi_certified *found);
#endif
