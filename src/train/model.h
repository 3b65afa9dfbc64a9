/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_MODEL_H
#define LSI_TRAIN_MODEL_H
/* The public model: a net, what compile() was told, and the optimizer's state. */
#include <lockstep/trainer.h>
#include "nn/compile.h"
#include "nn/net.h"
#include "nn/loss.h"
#include "nn/metric.h"
#include "optim/optimizer.h"

enum { LSI_MAX_LOGGED = 23 }; /* numbers of a pass: with those of validation and the rate they fit a history */

struct ls_model {
  ls_context *context;
  lsi_net *net;
  bool compiled;
  lsi_compile compile;
  lsi_optimizer *optimizer; /* NULL until the first fit after compile */
  struct lsi_shares *shares; /* NULL: this rank has all slots; else those of its share (shard.h) */
  int n_logs;               /* loss and metrics of the last fit or evaluate; for the public accessors */
  char logs[LSI_MAX_LOGGED][64];
};

/* Take over a net that was loaded. */
ls_status lsi_model_from_net(ls_context *context, lsi_net *net, ls_model **out);
/* The optimizer for this net, made on first use; kept over fits. */
ls_status lsi_model_optimizer(ls_model *model, lsi_optimizer **out);
void lsi_model_forget_optimizer(ls_model *model);
/* Fails with advice unless compile() has been called with a loss. */
ls_status lsi_model_need_compile(const ls_model *model, const char *what);
/* A sample of the data has the shape of the model's input, as Keras demands; the net is built. */
ls_status lsi_model_need_input(const ls_model *model, const ls_dataset *data);
/* The net's weights exist: drawn from `seed` when nothing has set them. */
ls_status lsi_model_need_weights(ls_model *model, uint64_t seed);
#endif
