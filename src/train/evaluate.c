/* SPDX-License-Identifier: MIT */
/* evaluate() and predict(). */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "data/prediction_file.h"
#include "par/peers.h"
#include "par/signals.h"
#include "train/evaluator.h"
#include "train/progress.h"
#include "train/reducer.h"

static ls_status check_batch_size(const char *what, int64_t batch_size) {
  LSI_CHECK(batch_size > 0 && batch_size <= 1000000000, LS_ERR_ARG, NULL, "%s: batch_size is %lld, must be 1 to 1000000000", what,
            (long long)batch_size);
  return LS_OK;
}

static void print_values(const ls_model *model, const lsi_evaluator *e, int verbose, int64_t n_batches, const double *values,
                         double start_s) {
  lsi_progress progress;
  lsi_logs logs = {0};
  if (e->comm->rank != 0) return;
  for (int i = 0; i < model->n_logs; i++) lsi_logs_set(&logs, model->logs[i], values[i]);
  lsi_logs_sort(&logs);
  lsi_progress_begin(&progress, verbose, n_batches, n_batches);
  progress.start_s = start_s;
  lsi_progress_end(&progress, &logs);
}

ls_status ls_model_evaluate(ls_model *model, ls_dataset *data, int64_t batch_size, int verbose, double *values) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(data);
  LSI_NOT_NULL(values);
  const lsi_comm *comm = lsi_context_comm(model->context);
  double start_s = lsi_clock_s();
  lsi_evaluator *e;
  if (batch_size == 0) batch_size = 32;
  LSI_TRY(check_batch_size("evaluate", batch_size));
  LSI_TRY(lsi_model_need_compile(model, "evaluate"));
  LSI_TRY(lsi_model_need_weights(model, 0));
  LSI_TRY(lsi_evaluator_create(model, comm, data, 0, data->info.n_samples, batch_size, lsi_leaf_rows_auto(batch_size), 0, &e));
  lsi_phase_set(comm, LSI_PHASE_EVALUATE, 0, 0);
  uint32_t flags = 0; /* set only where the context catches signals */
  ls_status status = lsi_evaluator_run(e, values, &flags);
  if (status == LS_OK && flags) {
    lsi_signals_clear();
    status = lsi_error_set(LS_ERR_INTERRUPTED, NULL, "evaluate: stopped by %s", lsi_signals_name(flags));
  }
  if (status == LS_OK && verbose)
    print_values(model, e, verbose, (data->info.n_samples + batch_size - 1) / batch_size, values, start_s);
  lsi_evaluator_destroy(&e);
  return status;
}

typedef struct prediction {
  ls_model *model;
  const lsi_comm *comm;
  lsi_feed feed;
  lsi_workspace *workspace;
  lsi_leaf_reduce *reduce;
  lsi_reducer reducer;
  float *block;          /* [batch, outputs] on receivers */
  int *counts, *offsets; /* [ranks] */
} prediction;

static ls_status prediction_parts(prediction *p) {
  size_t outputs = lsi_net_output_size(p->model->net);
  LSI_CHECK((double)p->feed.batch_size * (double)outputs < INT_MAX, LS_ERR_ARG, "lower the batch size",
            "predict: %lld rows of %zu outputs are too many for one batch", (long long)p->feed.batch_size, outputs);
  LSI_TRY(lsi_model_need_input(p->model, p->feed.data));
  LSI_TRY(lsi_feed_init(&p->feed, p->comm));
  LSI_TRY(lsi_workspace_create(p->model->net, (size_t)p->feed.max_rows, p->feed.max_leaves, false, &p->workspace));
  LSI_TRY(LSI_ALLOC("predictions", (size_t)p->feed.batch_size * outputs, &p->block));
  LSI_TRY(LSI_ALLOC("predictions", p->comm->size, &p->counts));
  return LSI_ALLOC("predictions", p->comm->size, &p->offsets);
}

/* All rows of batch b, in order, into `block` on every rank. */
static ls_status predict_batch(prediction *p, int64_t b, int64_t *n_rows) {
  int outputs = (int)lsi_net_output_size(p->model->net);
  lsi_batch batch;
  lsi_pass pass;
  float *local;
  LSI_TRY(lsi_agree(p->comm, lsi_feed_load(&p->feed, b, p->workspace->x, &batch)));
  lsi_pass_begin(&pass, p->model->net, p->workspace, &batch.plan, &p->reducer, false);
  LSI_TRY(lsi_net_forward(p->model->net, &pass, p->workspace, &local));
  for (int r = 0; r < p->comm->size; r++) {
    lsi_leaf_plan plan;
    lsi_leaf_plan_init(&plan, batch.plan.n_rows, batch.plan.leaf_rows, p->comm->size, r);
    p->counts[r] = (int)(plan.row_end - plan.row_begin) * outputs;
    p->offsets[r] = (int)plan.row_begin * outputs;
  }
  *n_rows = batch.plan.n_rows;
  return lsi_allgather_floats(p->comm, local, p->block, p->counts, p->offsets);
}

/* `everywhere`: the sink is called on all ranks; else on rank 0. */
static ls_status predict(ls_model *model, ls_dataset *data, int64_t batch_size, bool everywhere, ls_predict_sink sink, void *user) {
  if (batch_size == 0) batch_size = 32;
  LSI_TRY(check_batch_size("predict", batch_size));
  LSI_TRY(lsi_model_need_weights(model, 0));
  prediction p = {.model = model, .comm = lsi_context_comm(model->context),
                  .feed = {.data = data, .n_rows = data->info.n_samples, .batch_size = batch_size,
                           .leaf_rows = lsi_leaf_rows_auto(batch_size)}};
  ls_status status;
  int64_t n_rows, first = 0, outputs = ls_model_output_size(model);
  LSI_TRY_GOTO(status, done, lsi_agree(p.comm, prediction_parts(&p)));
  LSI_TRY_GOTO(status, done, lsi_feed_start(&p.feed, p.comm));
  LSI_TRY_GOTO(status, done, lsi_reducer_create(model->net, 1, p.feed.max_leaves, p.comm, &p.reduce, &p.reducer));
  lsi_phase_set(p.comm, LSI_PHASE_EVALUATE, 0, 0);
  for (int64_t b = 0; b < p.feed.batches_per_pass; b++, first += n_rows) {
    LSI_TRY_GOTO(status, done, predict_batch(&p, b, &n_rows));
    bool mine = everywhere || p.comm->rank == 0;
    LSI_TRY_GOTO(status, done, lsi_agree(p.comm, mine ? sink(user, first, n_rows, outputs, p.block) : LS_OK));
  }
done:
  lsi_leaf_reduce_destroy(&p.reduce);
  lsi_workspace_destroy(&p.workspace);
  lsi_feed_clear(&p.feed);
  lsi_free(p.block);
  lsi_free(p.counts);
  lsi_free(p.offsets);
  return status;
}

ls_status ls_model_predict_to(ls_model *model, ls_dataset *data, int64_t batch_size, ls_predict_sink sink, void *user) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(data);
  LSI_NOT_NULL(sink);
  return predict(model, data, batch_size, false, sink, user);
}

/* Predictions never take the place of what they are made from. */
static ls_status create_beside(const ls_dataset *data, const char *path, int64_t n_outputs, bool classes, lsi_prediction_file **file) {
  LSI_CHECK(!lsi_dataset_has_file(data, path), LS_ERR_ARG, "choose another name", "%s: is one of the files to predict for", path);
  return lsi_prediction_file_create(path, data->info.n_samples, n_outputs, classes, file);
}

ls_status ls_model_predict_file(ls_model *model, ls_dataset *data, int64_t batch_size, bool classes, const char *path) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(data);
  LSI_NOT_NULL(path);
  LSI_TRY(lsi_net_build(model->net));
  int64_t n_outputs = ls_model_output_size(model);
  LSI_CHECK(!classes || n_outputs > 1, LS_ERR_SHAPE, "for a sigmoid, class 1 is an output above 0.5",
            "model '%s' has one output: there are no classes to choose from", model->net->name);
  const lsi_comm *comm = lsi_context_comm(model->context);
  bool root = comm->rank == 0;
  lsi_prediction_file *file = NULL;
  ls_status status = root ? create_beside(data, path, n_outputs, classes, &file) : LS_OK;
  status = lsi_agree(comm, status);
  if (status == LS_OK) status = ls_model_predict_to(model, data, batch_size, lsi_prediction_file_take, file);
  return lsi_agree(comm, root ? lsi_prediction_file_finish(&file, status) : status);
}

static ls_status copy_block(void *user, int64_t first_row, int64_t n_rows, int64_t n_outputs, const float *values) {
  memcpy((float *)user + first_row * n_outputs, values, (size_t)(n_rows * n_outputs) * sizeof(float));
  return LS_OK;
}

ls_status ls_model_predict(ls_model *model, ls_dataset *data, int64_t batch_size, float *out, size_t count) {
  LSI_NOT_NULL(model);
  LSI_NOT_NULL(data);
  LSI_NOT_NULL(out);
  LSI_TRY(lsi_net_build(model->net));
  size_t needed = (size_t)data->info.n_samples * lsi_net_output_size(model->net);
  LSI_CHECK(count == needed, LS_ERR_SHAPE, NULL, "predict: room for %zu values, %zu are predicted", count, needed);
  return predict(model, data, batch_size, true, copy_block, out);
}
