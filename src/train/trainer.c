/* SPDX-License-Identifier: MIT */
/* Building and tearing down what one fit needs, so that the step allocates nothing. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "train/reducer.h"
#include "train/shard.h"

/* About this many bytes of gradient travel in one go, unless the spec says otherwise. */
enum { BUCKET_BYTES = 4 << 20 };

ls_fit_spec ls_fit_spec_default(void) {
  return (ls_fit_spec){0};
}

static ls_status check_run(const ls_run_spec *r) {
  LSI_CHECK(r->checkpoint_steps >= 0 && r->checkpoint_seconds >= 0 && isfinite(r->checkpoint_seconds) && r->checkpoint_keep >= 0,
            LS_ERR_ARG, "0 means off, and for checkpoint_keep the default",
            "fit: checkpoint_steps %lld, checkpoint_seconds %g and checkpoint_keep %d must not be negative",
            (long long)r->checkpoint_steps, r->checkpoint_seconds, r->checkpoint_keep);
  const char *how = r->checkpoint_on_error;
  LSI_CHECK(!how || strcmp(how, "stop") == 0 || strcmp(how, "warn") == 0, LS_ERR_ARG, "use stop or warn",
            "fit: checkpoint_on_error is '%s'", how);
  LSI_CHECK(r->time_limit >= 0 && r->time_limit < 1e10 && r->before_end_seconds >= 0 && r->before_end_seconds < 1e10, LS_ERR_ARG,
            "seconds; 0 means no limit of its own, and for before_end_seconds what is learnt",
            "fit: time_limit %g and before_end_seconds %g must not be negative", r->time_limit, r->before_end_seconds);
  return LS_OK;
}

static ls_status check_class_weights(const ls_fit_spec *s) {
  for (int64_t c = 0; c < s->n_class_weight; c++)
    LSI_CHECK(s->class_weight[c] >= 0 && isfinite(s->class_weight[c]), LS_ERR_ARG, NULL,
              "fit: class_weight[%lld] is %g, must be at least 0", (long long)c, s->class_weight[c]);
  return LS_OK;
}

/* Numbers far beyond use, whose sums still fit 64 bits. */
static ls_status check_sizes(const ls_fit_spec *s) {
  static const int64_t rows = 1000000000, steps = 1000000000000000;
  LSI_CHECK(s->batch_size <= rows && s->validation_batch_size <= rows && s->base_batch_size <= rows && s->leaf_rows <= rows &&
                s->epochs <= rows && s->initial_epoch <= rows,
            LS_ERR_ARG, NULL, "fit: batch sizes, leaf_rows and epochs can be at most %lld", (long long)rows);
  LSI_CHECK(s->steps_per_epoch <= steps && s->validation_steps <= steps, LS_ERR_ARG, NULL,
            "fit: steps_per_epoch and validation_steps can be at most %lld", (long long)steps);
  return LS_OK;
}

static ls_status check_spec(const ls_fit_spec *s) {
  LSI_TRY(check_run(&s->run));
  LSI_TRY(check_sizes(s));
  LSI_CHECK(s->batch_size >= 0 && s->epochs >= 0 && s->initial_epoch >= 0 && s->steps_per_epoch >= 0 && s->leaf_rows >= 0,
            LS_ERR_ARG, NULL, "fit: batch_size, epochs, initial_epoch, steps_per_epoch and leaf_rows must not be negative");
  LSI_CHECK(s->validation_split >= 0 && s->validation_split < 1, LS_ERR_ARG, NULL,
            "fit: validation_split is %g, must be at least 0 and below 1", s->validation_split);
  LSI_CHECK(s->validation_batch_size >= 0 && s->validation_steps >= 0 && s->validation_freq >= 0 && s->base_batch_size >= 0,
            LS_ERR_ARG, NULL, "fit: the validation_ settings and base_batch_size must not be negative");
  LSI_CHECK((s->callbacks || s->n_callbacks <= 0) && (s->user_callbacks || s->n_user_callbacks <= 0) &&
                (s->class_weight || s->n_class_weight <= 0),
            LS_ERR_ARG, NULL, "fit: a count is given, but no array of callbacks, user_callbacks or class_weight");
  LSI_CHECK(s->shuffle_block >= 0 && s->shuffle_block <= 1000000000 && s->shuffle_window >= 0 && s->shuffle_window <= 1000000000, LS_ERR_ARG,
            NULL, "fit: shuffle_block and shuffle_window can be at most 1000000000, and not negative");
  LSI_CHECK(s->bucket_bytes >= 0, LS_ERR_ARG, "0 means the default", "fit: bucket_bytes is %lld, must not be negative",
            (long long)s->bucket_bytes);
  LSI_TRY(check_class_weights(s));
  LSI_CHECK(s->verbose >= 0 && s->verbose <= 2, LS_ERR_ARG, NULL, "fit: verbose is %d, must be 0, 1 or 2", s->verbose);
  return LS_OK;
}

static void fill_defaults(ls_fit_spec *s, int n_ranks) {
  if (!s->batch_size) s->batch_size = 32;
  if (!s->epochs) s->epochs = 1;
  if (!s->validation_batch_size) s->validation_batch_size = s->batch_size;
  if (!s->validation_freq) s->validation_freq = 1;
  if (s->no_shuffle || !s->shuffle) s->shuffle = s->no_shuffle ? "false" : "true";
  if (!s->shuffle_block) s->shuffle_block = 1024;
  if (!s->shuffle_window) s->shuffle_window = 16;
  if (!s->bucket_bytes) s->bucket_bytes = BUCKET_BYTES;
  if (s->not_reproducible) s->leaf_rows = (s->batch_size + n_ranks - 1) / n_ranks; /* one leaf a rank: no tree within it */
  if (!s->leaf_rows) s->leaf_rows = lsi_leaf_rows_auto(s->batch_size);
  if (!s->check_every_steps) s->check_every_steps = 100;
  if (!s->run.resume) s->run.resume = "auto";
  if (!s->run.checkpoint_epochs) s->run.checkpoint_epochs = 1;
  if (!s->run.checkpoint_keep) s->run.checkpoint_keep = 3;
  if (s->run.checkpoint_keep < 2) s->run.checkpoint_keep = 2;
  if (!s->run.checkpoint_on_error) s->run.checkpoint_on_error = "stop";
}

/* Keras: the last fraction, before any shuffling. */
static ls_status split(ls_trainer *t, const ls_dataset *train, const ls_dataset *validation, int64_t *first) {
  int64_t n = train->info.n_samples;
  *first = 0;
  t->feed.n_rows = n;
  if (validation || t->spec.validation_split == 0) return LS_OK;
  int64_t at = (int64_t)((double)n * (1.0 - t->spec.validation_split));
  LSI_CHECK(at > 0 && at < n, LS_ERR_ARG, "choose another validation_split",
            "fit: validation_split %g of %lld samples leaves one side empty", t->spec.validation_split, (long long)n);
  t->feed.n_rows = *first = at;
  return LS_OK;
}

static ls_status make_feed(ls_trainer *t, const ls_dataset *train) {
  LSI_TRY(lsi_objective_init(&t->objective, t->model, train));
  t->objective.weighted = t->objective.weighted || t->spec.class_weight;
  t->feed.data = train;
  t->feed.objective = &t->objective;
  t->feed.batch_size = t->spec.batch_size;
  t->feed.leaf_rows = t->spec.leaf_rows;
  LSI_CHECK(lsi_shuffle_parse(t->spec.shuffle, &t->feed.shuffle), LS_ERR_ARG, "true, false, batch or blocks",
            "fit: unknown shuffle '%s'", t->spec.shuffle);
  t->feed.shuffle_block = t->spec.shuffle_block;
  t->feed.shuffle_window = t->spec.shuffle_window;
  t->feed.seed = t->spec.seed;
  t->feed.class_weight = t->spec.class_weight;
  t->feed.n_class_weight = t->spec.n_class_weight;
  LSI_TRY(lsi_feed_init(&t->feed, t->comm));
  t->steps_per_epoch = t->spec.steps_per_epoch ? t->spec.steps_per_epoch : t->feed.batches_per_pass;
  return LS_OK;
}

/* Canonical partials any rank can need: for a full batch and for the ragged last one. */
static int most_nodes(const lsi_feed *feed) {
  int most = 1;
  const int64_t batches[2] = {0, feed->batches_per_pass - 1};
  for (int i = 0; i < 2; i++)
    for (int r = 0; r < feed->n_ranks; r++) {
      lsi_feed other = *feed;
      lsi_leaf_plan plan;
      other.rank = r;
      lsi_feed_plan(&other, batches[i], &plan);
      if (plan.n_nodes > most) most = plan.n_nodes;
    }
  return most;
}

/* Arena elements of the trainable tensors of layers (to, from]. */
static void bucket_range(const lsi_layout *layout, lsi_bucket *bucket) {
  bucket->begin = layout->n_trainable;
  bucket->end = 0;
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *tensor = &layout->tensors[i];
    if (!tensor->trainable || tensor->layer > bucket->from || tensor->layer <= bucket->to) continue;
    size_t end = tensor->offset + lsi_round_up(tensor->count, LSI_ALIGN / sizeof(float));
    if (tensor->offset < bucket->begin) bucket->begin = tensor->offset;
    if (end > bucket->end) bucket->end = end;
  }
}

/* Runs of layers, last first, of at least spec.bucket_bytes of gradients; the last run takes what is left. */
static ls_status make_buckets(ls_trainer *t) {
  const lsi_net *net = t->model->net;
  LSI_TRY(LSI_ALLOC("buckets", net->n_layers, &t->buckets));
  int from = net->n_layers - 1;
  for (int to = from - 1; to >= 0; to--) {
    lsi_bucket bucket = {.from = from, .to = to};
    bucket_range(&net->layout, &bucket);
    bool full = bucket.end > bucket.begin && (bucket.end - bucket.begin) * sizeof(float) >= (size_t)t->spec.bucket_bytes && bucket.begin > 0;
    if (!full && to > 0) continue;
    if (bucket.end > bucket.begin) t->buckets[t->n_buckets++] = bucket;
    from = to;
  }
  return LS_OK;
}

static ls_status make_clip(ls_trainer *t) {
  const lsi_layout *layout = &t->model->net->layout;
  t->has_penalty = lsi_net_has_regularizers(t->model->net);
  if (!t->has_penalty && !lsi_clip_wanted(t->optimizer) && !lsi_optimizer_accumulates(t->optimizer)) return LS_OK;
  LSI_TRY(LSI_ALLOC("gradients", layout->n_trainable, &t->grad));
  LSI_TRY(LSI_ALLOC("clipping", layout->n, &t->clip_tensors));
  for (int i = 0; i < layout->n; i++)
    if (layout->tensors[i].trainable)
      t->clip_tensors[t->n_clip_tensors++] = (lsi_clip_tensor){layout->tensors[i].offset, layout->tensors[i].count};
  return LS_OK;
}

/* The ranges that are exchanged in one go are what shares are cut from. */
static ls_status make_optimizer(ls_trainer *t) {
  lsi_range *ranges = NULL;
  LSI_TRY(lsi_bcast(t->comm, &t->spec.bucket_bytes, sizeof t->spec.bucket_bytes)); /* all must cut alike */
  ls_status status = make_buckets(t);
  if (status == LS_OK) status = LSI_ALLOC("ranges", t->n_buckets, &ranges);
  for (int b = 0; status == LS_OK && b < t->n_buckets; b++) ranges[b] = (lsi_range){t->buckets[b].begin, t->buckets[b].end};
  status = lsi_agree(t->comm, status);
  if (status == LS_OK) status = lsi_model_shard(t->model, t->spec.shard_optimizer, ranges, t->n_buckets);
  lsi_free(ranges);
  LSI_TRY(status);
  const lsi_shares *shares = t->model->shares;
  t->optimizer = t->model->optimizer;
  t->whole = (lsi_range){0, t->model->net->layout.n_trainable};
  t->own = shares ? shares->own : &t->whole;
  t->n_own = shares ? shares->n : 1;
  return LS_OK;
}

static ls_status local_parts(ls_trainer *t, const ls_dataset *train) {
  const lsi_net *net = t->model->net;
  LSI_TRY(make_feed(t, train));
  LSI_TRY(lsi_workspace_create(net, (size_t)t->feed.max_rows, t->feed.max_leaves, true, &t->workspace));
  LSI_TRY(lsi_objective_scratch_create(&t->objective, (size_t)t->feed.max_rows, &t->scratch));
  LSI_TRY(LSI_ALLOC("loss", (size_t)t->feed.max_leaves * (size_t)lsi_objective_room(&t->objective), &t->leaf_values));
  LSI_TRY(make_clip(t));
  LSI_TRY(lsi_callbacks_create(&t->callbacks, &t->spec, net->layout.size));
  LSI_TRY(lsi_guard_create(t));
  t->feed.nonfinite = t->guard.policy;
  LSI_TRY(lsi_history_create(&t->history));
  LSI_TRY(lsi_pace_create(t->comm, &t->pace));
  t->max_nodes = most_nodes(&t->feed);
  return LSI_ALLOC("partials", t->max_nodes, &t->partials);
}

static ls_status shared_parts(ls_trainer *t, const ls_dataset *validation, int64_t validation_first) {
  const lsi_net *net = t->model->net;
  lsi_exchange_kind kind;
  LSI_TRY(lsi_feed_start(&t->feed, t->comm));
  LSI_TRY(lsi_agree(t->comm, lsi_timeline_create(t)));
  LSI_TRY(lsi_agree(t->comm, lsi_exchange_parse(t->spec.exchange, &kind)));
  LSI_TRY(lsi_exchange_create(t->comm, kind, net->layout.n_trainable, t->max_nodes, &t->exchange));
  if (t->n_buckets > 1 && !t->spec.no_overlap) LSI_TRY(lsi_agree(t->comm, lsi_exchange_set_overlap(t->exchange, true)));
  lsi_exchange_set_halves(t->exchange, lsi_trainer_halves(t));
  for (int j = 0; j < t->max_nodes; j++) t->partials[j] = lsi_exchange_partial(t->exchange, j);
  LSI_TRY(lsi_reducer_create(net, lsi_objective_room(&t->objective), t->feed.max_leaves, t->comm, &t->reduce, &t->reducer));
  if (!validation) return LS_OK;
  return lsi_evaluator_create(t->model, t->comm, validation, validation_first, validation->info.n_samples - validation_first,
                              t->spec.validation_batch_size, t->spec.leaf_rows, t->spec.validation_steps, &t->validation);
}

/* How a set is read, where someone may want to know. */
static void announce_reading(const ls_trainer *t, const char *which, const lsi_feed *feed) {
  char how[400], hint[300] = "";
  if (!t->spec.verbose) return;
  if (feed->reader) {
    lsi_reader_describe(feed->reader, how, sizeof how);
    lsi_reader_hint(feed->reader, hint, sizeof hint);
  } else {
    lsi_dataset_describe_reading(feed->data, how, sizeof how);
  }
  if (how[0]) lsi_log_info("%s data: %s: %s", which, feed->data->label, how);
  if (hint[0]) lsi_log_warn("%s data: %s", which, hint);
}

/* Ranks without leaves still take part; the user should know that they idle. */
static void warn_idle_ranks(const ls_trainer *t) {
  lsi_leaf_plan plan;
  lsi_feed_plan(&t->feed, 0, &plan);
  if (plan.n_leaves < t->comm->size)
    lsi_log_warn("a batch of %lld samples has %d %s of %lld rows: %d of %d ranks have no work. Raise fit.batch_size, "
                 "lower parallel.leaf_rows, or start %d %s",
                 (long long)plan.n_rows, plan.n_leaves, plan.n_leaves == 1 ? "leaf" : "leaves", (long long)plan.leaf_rows,
                 t->comm->size - plan.n_leaves, t->comm->size, plan.n_leaves, plan.n_leaves == 1 ? "rank" : "ranks");
}

ls_status lsi_trainer_create(ls_model *model, ls_dataset *train, ls_dataset *validation, const ls_fit_spec *spec,
                             ls_trainer **out) {
  const lsi_comm *comm = lsi_context_comm(model->context);
  ls_trainer *t = NULL;
  int64_t validation_first = 0;
  ls_status status = LSI_ALLOC("trainer", 1, &t);
  if (status == LS_OK) {
    t->model = model;
    t->comm = comm;
    t->spec = spec ? *spec : ls_fit_spec_default();
    t->rate_factor = 1;
    status = check_spec(&t->spec);
  }
  if (status == LS_OK) {
    fill_defaults(&t->spec, comm->size);
    if (t->spec.base_batch_size) t->rate_factor = (double)t->spec.batch_size / (double)t->spec.base_batch_size;
    status = split(t, train, validation, &validation_first);
  }
  if (status == LS_OK) status = lsi_model_need_compile(model, "fit");
  if (status == LS_OK) status = lsi_model_need_weights(model, t->spec.seed);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, make_optimizer(t));
  status = local_parts(t, train);
  LSI_TRY_GOTO(status, fail, lsi_agree(comm, status));
  LSI_TRY_GOTO(status, fail, shared_parts(t, validation_first ? train : validation, validation_first));
  warn_idle_ranks(t);
  announce_reading(t, "training", &t->feed);
  if (t->validation && t->validation->feed.data != train) announce_reading(t, "validation", &t->validation->feed);
  if (t->spec.not_reproducible)
    lsi_log_warn("reproducible is false: the result varies with ranks and threads, and cannot be made again to the bit");
  *out = t;
  return LS_OK;
fail:
  lsi_trainer_destroy(&t);
  return status;
}

bool lsi_trainer_halves(const ls_trainer *t) {
  return t->model->shares && !t->grad;
}

void lsi_trainer_logs(const ls_trainer *t, lsi_logs *logs) {
  double values[LSI_MAX_LOGGED];
  lsi_tally_values(&t->tally, &t->objective, values);
  logs->n = 0;
  for (int i = 0; i < t->objective.n_logged; i++) lsi_logs_set(logs, t->model->logs[i], values[i]);
  lsi_logs_sort(logs);
}

void lsi_trainer_destroy(ls_trainer **trainer) {
  ls_trainer *t = *trainer;
  if (!t) return;
  lsi_saver_close(t);
  lsi_guard_clear(t);
  lsi_certify_clear(&t->certify);
  lsi_trace_release();
  lsi_evaluator_destroy(&t->validation);
  lsi_pace_clear(&t->pace);
  lsi_leaf_reduce_destroy(&t->reduce);
  lsi_exchange_destroy(&t->exchange);
  lsi_lock_release(&t->lock);
  ls_history_destroy(&t->history);
  lsi_callbacks_clear(&t->callbacks);
  lsi_objective_scratch_clear(&t->scratch);
  lsi_workspace_destroy(&t->workspace);
  lsi_feed_clear(&t->feed);
  lsi_free(t->partials);
  lsi_free(t->clip_tensors);
  lsi_free(t->grad);
  lsi_free(t->buckets);
  lsi_free(t->leaf_values);
  lsi_free(t);
  *trainer = NULL;
}
