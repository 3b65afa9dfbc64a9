/* SPDX-License-Identifier: MIT */
/* Normalization.adapt(): mean and variance of each feature over the training rows, summed in leaf-tree order. */
#include <string.h>

#include "base/memory.h"
#include "math/clones.h"
#include "nn/layers.h"
#include "train/reducer.h"
#include "train/trainer.h"

enum { BATCH = 1024, LEAF = 32 };

typedef struct adaption {
  const lsi_net *net;
  const lsi_comm *comm;
  lsi_feed feed;
  lsi_workspace *workspace;
  lsi_leaf_reduce *reduce;
  lsi_reducer reducer;
  size_t n;
  double *leaf_values; /* [leaves, 2 n]: sums of x and x^2 */
  double *totals;      /* [2 n] of one batch */
  double *sums;        /* [2 n] of all */
} adaption;

LSI_CLONES static void add_rows(size_t rows, size_t n, const float *x, double *sums) {
  for (size_t r = 0; r < rows; r++, x += n)
    for (size_t j = 0; j < n; j++) {
      sums[j] += (double)x[j];
      sums[n + j] += (double)x[j] * (double)x[j];
    }
}

static ls_status add_batch(adaption *a, const lsi_layer *layer, const lsi_batch *batch) {
  lsi_pass pass;
  float *outputs;
  lsi_pass_begin(&pass, a->net, a->workspace, &batch->plan, &a->reducer, false);
  LSI_TRY(lsi_net_forward(a->net, &pass, a->workspace, &outputs));
  const float *x = a->workspace->outputs[layer->index - 1];
  int n_leaves = batch->plan.leaf_end - batch->plan.leaf_begin;
  const int64_t *leaf_row = lsi_pass_leaf_rows(&pass, layer->lead);
  memset(a->leaf_values, 0, (size_t)n_leaves * 2 * a->n * sizeof *a->leaf_values);
  for (int l = 0; l < n_leaves; l++)
    add_rows((size_t)(leaf_row[l + 1] - leaf_row[l]), a->n, x + (size_t)leaf_row[l] * a->n, a->leaf_values + (size_t)l * 2 * a->n);
  LSI_TRY(lsi_leaf_reduce_sum(a->reduce, &batch->plan, a->leaf_values, 2 * a->n, a->totals, NULL));
  for (size_t j = 0; j < 2 * a->n; j++) a->sums[j] += a->totals[j];
  return LS_OK;
}

static ls_status allocate(adaption *a) {
  LSI_TRY(lsi_feed_init(&a->feed, a->comm));
  LSI_TRY(lsi_workspace_create(a->net, (size_t)a->feed.max_rows, a->feed.max_leaves, false, &a->workspace));
  LSI_TRY(LSI_ALLOC("adapt", (size_t)a->feed.max_leaves * 2 * a->n, &a->leaf_values));
  LSI_TRY(LSI_ALLOC("adapt", 2 * a->n, &a->totals));
  return LSI_ALLOC("adapt", 2 * a->n, &a->sums);
}

static void store(const adaption *a, const lsi_layer *layer) {
  float *mean = a->net->params + layer->tensors[0].offset, *variance = a->net->params + layer->tensors[1].offset;
  double count = (double)a->feed.n_rows * (double)layer->lead;
  for (size_t j = 0; j < a->n; j++) {
    double m = a->sums[j] / count, v = a->sums[a->n + j] / count - m * m;
    mean[j] = (float)m;
    variance[j] = (float)(v > 0 ? v : 0);
  }
  a->net->params[layer->tensors[2].offset] = (float)count;
}

static ls_status adapt_layer(ls_model *model, const lsi_comm *comm, const ls_dataset *data, int64_t n_rows,
                             const lsi_layer *layer) {
  adaption a = {.net = model->net, .comm = comm, .n = lsi_layer_width(layer),
                .feed = {.data = data, .n_rows = n_rows, .batch_size = BATCH, .leaf_rows = LEAF}};
  lsi_batch batch;
  ls_status status;
  LSI_TRY_GOTO(status, done, lsi_agree(comm, allocate(&a)));
  LSI_TRY_GOTO(status, done, lsi_feed_start(&a.feed, comm));
  LSI_TRY_GOTO(status, done, lsi_reducer_create(a.net, (int)(2 * a.n), a.feed.max_leaves, comm, &a.reduce, &a.reducer));
  for (int64_t b = 0; b < a.feed.batches_per_pass; b++) {
    LSI_TRY_GOTO(status, done, lsi_agree(comm, lsi_feed_load(&a.feed, b, a.workspace->x, &batch)));
    LSI_TRY_GOTO(status, done, add_batch(&a, layer, &batch));
  }
  store(&a, layer);
done:
  lsi_leaf_reduce_destroy(&a.reduce);
  lsi_workspace_destroy(&a.workspace);
  lsi_feed_clear(&a.feed);
  lsi_free(a.leaf_values);
  lsi_free(a.totals);
  lsi_free(a.sums);
  return status;
}

/* Adapted before, or loaded. Keras 3 leaves the count at 0. */
static bool is_adapted(const lsi_net *net, const lsi_layer *layer) {
  const float *mean = net->params + layer->tensors[0].offset, *variance = net->params + layer->tensors[1].offset;
  bool adapted = net->params[layer->tensors[2].offset] > 0;
  for (size_t j = 0; j < lsi_layer_width(layer) && !adapted; j++) adapted = mean[j] != 0 || variance[j] != 1;
  return adapted;
}

ls_status lsi_adapt_normalization(ls_model *model, const lsi_comm *comm, const ls_dataset *data, int64_t n_rows) {
  const lsi_net *net = model->net;
  for (int i = 0; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    if (layer->kind != LSI_LAYER_NORMALIZATION || layer->normalization.n) continue;
    if (!is_adapted(net, layer)) LSI_TRY(adapt_layer(model, comm, data, n_rows, layer));
  }
  return LS_OK;
}
