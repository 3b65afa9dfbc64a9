/* SPDX-License-Identifier: MIT */
#include "train/evaluator.h"

#include "base/memory.h"
#include "nn/layers.h"
#include "par/signals.h"
#include "train/reducer.h"

enum { FLAG_FETCH_FAILED = 1u << 8 };

/* Keras adds a batch's activity penalty to that batch's loss: then the batches matter. */
static bool batches_matter(const lsi_net *net) {
  for (int i = 0; i < net->n_layers; i++) {
    double l1, l2;
    lsi_layer_activity(net->layers[i], &l1, &l2);
    if (l1 != 0 || l2 != 0) return true;
  }
  return false;
}

/* Rows at a time as a function of the net alone, within a few MiB of activations. */
static int64_t block_rows(const lsi_net *net) {
  enum { MOST = 512, LEAST = 32, VALUES = 1 << 22 };
  size_t widest = 1;
  for (int i = 0; i < net->n_layers; i++)
    if (net->layers[i]->out_size > widest) widest = net->layers[i]->out_size;
  int64_t rows = MOST;
  while (rows > LEAST && (size_t)rows * widest > VALUES) rows /= 2;
  return rows;
}

static ls_status local_parts(lsi_evaluator *e) {
  const lsi_net *net = e->model->net;
  LSI_TRY(lsi_workspace_create(net, (size_t)e->feed.max_rows, e->feed.max_leaves, false, &e->workspace));
  LSI_TRY(lsi_objective_scratch_create(&e->objective, (size_t)e->feed.max_rows, &e->scratch));
  return LSI_ALLOC("evaluation", (size_t)e->feed.max_leaves * (size_t)lsi_objective_room(&e->objective), &e->leaf_values);
}

ls_status lsi_evaluator_create(ls_model *model, const lsi_comm *comm, const ls_dataset *data, int64_t first, int64_t n_rows,
                               int64_t batch_size, int64_t leaf_rows, int64_t max_batches, lsi_evaluator **out) {
  lsi_evaluator *e;
  LSI_TRY(lsi_agree(comm, LSI_ALLOC("evaluation", 1, &e)));
  e->model = model;
  e->comm = comm;
  ls_status status = lsi_objective_init(&e->objective, model, data);
  if (status == LS_OK && !batches_matter(model->net) && !lsi_loss_minds_batches(&e->objective.loss)) {
    if (max_batches > 0 && max_batches < (n_rows + batch_size - 1) / batch_size) n_rows = max_batches * batch_size;
    max_batches = 0;
    batch_size = block_rows(model->net);
    leaf_rows = batch_size > 256 ? batch_size / 64 : 4;
  }
  e->feed = (lsi_feed){.data = data, .objective = &e->objective, .first = first, .n_rows = n_rows,
                       .batch_size = batch_size, .leaf_rows = leaf_rows};
  if (status == LS_OK) status = lsi_feed_init(&e->feed, comm);
  if (status == LS_OK) status = local_parts(e);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, lsi_feed_start(&e->feed, comm));
  e->n_batches = e->feed.batches_per_pass;
  if (max_batches > 0 && max_batches < e->n_batches) e->n_batches = max_batches;
  LSI_TRY_GOTO(status, fail, lsi_reducer_create(model->net, lsi_objective_room(&e->objective), e->feed.max_leaves, comm, &e->reduce,
                                                &e->reducer));
  *out = e;
  return LS_OK;
fail:
  lsi_evaluator_destroy(&e);
  return status;
}

void lsi_evaluator_destroy(lsi_evaluator **evaluator) {
  lsi_evaluator *e = *evaluator;
  if (!e) return;
  lsi_leaf_reduce_destroy(&e->reduce);
  lsi_workspace_destroy(&e->workspace);
  lsi_objective_scratch_clear(&e->scratch);
  lsi_feed_clear(&e->feed);
  lsi_free(e->leaf_values);
  lsi_free(e);
  *evaluator = NULL;
}

ls_status lsi_evaluator_run(lsi_evaluator *e, double *values, uint32_t *flags) {
  const lsi_net *net = e->model->net;
  double totals[LSI_MAX_VALUES], penalty = lsi_net_has_regularizers(net) ? lsi_net_penalty(net, net->params) : 0;
  lsi_tally tally = {0};
  lsi_batch batch;
  LSI_TRY(lsi_agree(e->comm, lsi_feed_load(&e->feed, 0, e->workspace->x, &batch)));
  for (int64_t b = 0; b < e->n_batches; b++) {
    const lsi_leaf_plan plan = batch.plan;
    float *outputs;
    lsi_pass pass;
    lsi_pass_begin(&pass, net, e->workspace, &plan, &e->reducer, false);
    pass.logits = e->objective.fused;
    LSI_TRY(lsi_net_forward(net, &pass, e->workspace, &outputs));
    LSI_TRY(lsi_objective_rows(&e->objective, &e->scratch, &pass, outputs, &batch.targets, e->leaf_values, NULL));
    ls_status fetched = b + 1 < e->n_batches ? lsi_feed_load(&e->feed, b + 1, e->workspace->x, &batch) : LS_OK;
    uint32_t agreed = (flags ? lsi_signals_pending() : 0) | (fetched != LS_OK ? FLAG_FETCH_FAILED : 0);
    LSI_TRY(lsi_leaf_reduce_sum(e->reduce, &plan, e->leaf_values, (size_t)e->objective.n_values, totals, &agreed));
    if (agreed & FLAG_FETCH_FAILED) return lsi_agree(e->comm, fetched);
    if (flags && (*flags = agreed)) return LS_OK;
    lsi_tally_add(&tally, &e->objective, totals, lsi_batch_loss(&e->objective, totals, penalty, plan.n_rows), plan.n_rows);
  }
  lsi_tally_values(&tally, &e->objective, values);
  return LS_OK;
}
