/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_CERTIFY_H
#define LSI_TRAIN_CERTIFY_H
/*
 * The run's certificate. A training keeps it in its folder (certificate.json) and in its checkpoints, so that it
 * survives whatever they do; a verification compares with one instead. On rank 0 only.
 */
#include "ckpt/certificate.h"
#include "train/history.h"

typedef struct lsi_certify {
  lsi_certificate *certificate; /* rank 0's; NULL: nobody wants one */
  char *text;                   /* what goes into checkpoints; owned */
  bool compares;                /* a verification: against the certificate, from epoch `first` on */
  int64_t first;
  FILE *out;                    /* a verification says what it found here; may be NULL */
} lsi_certify;

/* Go on with `text` from a checkpoint (NULL: there is none), or start anew. On rank 0. */
ls_status lsi_certify_begin(ls_trainer *trainer, const char *text);
void lsi_certify_clear(lsi_certify *certify);

/* The epoch that has just ended, `trainer->epoch` of them by now. Collective. */
ls_status lsi_certify_epoch(ls_trainer *trainer, const lsi_logs *logs);
/* What the whole training leaves, on rank 0: the digest of its model, and the text of its history. */
ls_status lsi_certify_end(ls_trainer *trainer, const char *model, const char *history);

/* On rank 0: hash of the slots' bits, slot by slot, tensors in layer order. Collective. */
ls_status lsi_slots_digest(const ls_trainer *trainer, char hex[LSI_DIGEST_HEX]);
/* "BLIS 0.9.0 zen3" */
void lsi_kernels_text(char *text, size_t size);
#endif
