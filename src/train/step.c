/* SPDX-License-Identifier: MIT */
/* One training step, top to bottom. */
#include <string.h>

#include "math/team.h"
#include "par/peers.h"
#include "par/signals.h"
#include "train/trainer.h"

/* The time since the last lap goes to a phase, and to the timeline. */
static void lap(double *since, double *phase, lsi_trace_kind kind, int64_t index) {
  double now = lsi_clock_s();
  *phase += now - *since;
  lsi_trace_span(LSI_TRACK_TRAINING, kind, index, *since, now);
  *since = now;
}

static int64_t batch_number(const ls_trainer *t) {
  return t->epoch * t->steps_per_epoch + t->step;
}

ls_status lsi_train_load(ls_trainer *t) {
  return lsi_agree(t->comm, lsi_feed_load(&t->feed, batch_number(t), t->workspace->x, &t->batch));
}

/* The next batch of this epoch, while the buffers of this one are free; its status travels with the step's reduction. */
static ls_status load_next(ls_trainer *t) {
  if (t->step + 1 >= t->steps_per_epoch) return LS_OK;
  return lsi_feed_load(&t->feed, batch_number(t) + 1, t->workspace->x, &t->batch);
}

static uint32_t local_flags(ls_trainer *t, ls_status fetched, const float *sum) {
  uint32_t flags = lsi_signals_pending() | lsi_saver_flags(t) | lsi_guard_flags(t, sum);
  return fetched == LS_OK ? flags : flags | LSI_FLAG_FETCH_FAILED;
}

/* A gradient that is to be changed is copied: the sum is shared, and another rank's weights may come in its place as soon as the
   step's reduction is over. */
static const float *own_gradient(ls_trainer *t, const float *sum) {
  if (!t->grad) return sum;
  memcpy(t->grad, sum, t->model->net->layout.n_trainable * sizeof *sum);
  return t->grad;
}

/* Regularisation, once, on the summed gradient; then accumulation over steps, and clipping. */
static ls_status finish_gradient(ls_trainer *t) {
  bool clips = lsi_clip_wanted(t->optimizer) && lsi_optimizer_due(t->optimizer);
  if (!t->grad) return LS_OK;
  if (t->has_penalty) lsi_net_add_penalty_gradient(t->model->net, t->model->net->params, t->grad);
  for (int i = 0; i < t->n_own; i++) lsi_optimizer_accumulate(t->optimizer, t->own[i].begin, t->own[i].end, t->grad);
  if (clips && t->model->shares && lsi_optimizer_accumulates(t->optimizer)) LSI_TRY(lsi_shares_to_all(t->model->shares, t->grad));
  if (clips) lsi_clip_gradients(t->optimizer, t->clip_tensors, t->n_clip_tensors, t->grad);
  return LS_OK;
}

/* The weights this rank updates, all or its share; then everybody's meet. */
static ls_status update(ls_trainer *t, const float *grad, double *clock) {
  float *params = t->model->net->params;
  double rate = lsi_optimizer_rate(t->optimizer) * t->rate_factor;
  bool due = lsi_optimizer_due(t->optimizer);
  for (int i = 0; i < t->n_own; i++) {
    const lsi_range *own = &t->own[i];
    if (due) lsi_optimizer_update(t->optimizer, rate, own->begin, own->end, grad, params);
    lsi_optimizer_average(t->optimizer, own->begin, own->end, params);
  }
  if (!t->model->shares) return LS_OK;
  lap(clock, &t->times.update, LSI_TRACE_UPDATE, 0);
  LSI_TRY(lsi_shares_exchange(t->model->shares, t->exchange, params));
  lap(clock, &t->times.exchange, LSI_TRACE_GATHER, 0);
  return LS_OK;
}

ls_status lsi_train_step(ls_trainer *t) {
  const lsi_net *net = t->model->net;
  const lsi_leaf_plan plan = t->batch.plan; /* leaves of this rank: a function of the batch, the config and the rank */
  const float *sum;
  float *outputs, *delta = t->workspace->deltas[0];
  double clock = lsi_clock_s(), begin = clock;
  lsi_phase_set(t->comm, LSI_PHASE_TRAIN, t->epoch + 1, t->step + 1);
  lsi_pace_begin(&t->pace);

  lsi_pass pass;
  lsi_pass_begin(&pass, net, t->workspace, &plan, &t->reducer, true);
  pass.logits = t->objective.fused;
  pass.seed = t->spec.seed;
  pass.iteration = t->optimizer->iteration;
  lsi_guard_begin(t);

  LSI_TRY(lsi_net_forward(net, &pass, t->workspace, &outputs));                      /* FORWARD: Y = act(X W + b)          */
  lap(&clock, &t->times.forward, LSI_TRACE_FORWARD, 0);
  LSI_TRY(lsi_objective_rows(&t->objective, &t->scratch, &pass, outputs, &t->batch.targets, t->leaf_values,
                             delta));                                                /* LOSS, metrics, dL/dlogits per row  */
  lap(&clock, &t->times.loss, LSI_TRACE_LOSS, 0);
  for (int b = 0; b < t->n_buckets; b++) {                                           /* last layers first                  */
    const lsi_bucket *bucket = &t->buckets[b];
    if (b > 0) LSI_TRY(lsi_net_backward_on(net, &pass, t->workspace, bucket->from, &delta)); /* dX of the layer above  */
    LSI_TRY(lsi_net_backward(net, &pass, t->workspace, bucket->from, bucket->to, t->partials,
                             &delta));                                               /* BACKWARD: dW, db by the leaf tree  */
    lap(&clock, &t->times.backward, LSI_TRACE_BACKWARD, b);
    LSI_TRY(lsi_exchange_start(t->exchange, &plan, bucket->begin, bucket->end));     /* GRADIENT BUCKET -> ALLREDUCE       */
    lap(&clock, &t->times.exchange, LSI_TRACE_EXCHANGE_POST, b);
  }
  ls_status fetched = load_next(t);                                                  /* FETCH the next leaves              */
  lap(&clock, &t->times.fetch, LSI_TRACE_FETCH, 0);
  LSI_TRY(lsi_exchange_wait(t->exchange, &sum));
  lap(&clock, &t->times.exchange, LSI_TRACE_EXCHANGE_WAIT, 0);
  t->flags = local_flags(t, fetched, sum);
  const float *grad = own_gradient(t, sum);
  LSI_TRY(lsi_leaf_reduce_sum(t->reduce, &plan, t->leaf_values, (size_t)t->objective.n_values, t->totals,
                              &t->flags));                                           /* loss, metrics, stop flags: one tree */
  lap(&clock, &t->times.exchange, LSI_TRACE_REDUCE, 0);
  if (t->flags & LSI_FLAG_FETCH_FAILED) return lsi_agree(t->comm, fetched);

  double penalty = t->has_penalty ? lsi_net_penalty(net, net->params) : 0;
  double loss = lsi_batch_loss(&t->objective, t->totals, penalty, plan.n_rows);
  t->step++;
  if (lsi_guard_alarmed(t, loss)) return lsi_guard_judge(t, &plan, sum, loss);       /* stop here, or leave this step out  */
  LSI_TRY(finish_gradient(t));
  LSI_TRY(update(t, grad, &clock));                                                  /* OPTIMIZER; SHARES -> ALLGATHER     */
  lsi_net_constrain(net, net->params);
  lsi_optimizer_advance(t->optimizer);
  lsi_tally_add(&t->tally, &t->objective, t->totals, loss, plan.n_rows);
  t->batch_loss = loss;
  lap(&clock, &t->times.update, LSI_TRACE_UPDATE, 0);
  lsi_trace_span(LSI_TRACK_TRAINING, LSI_TRACE_STEP, pass.iteration, begin, clock);
  lsi_leaf_reduce_tell(t->reduce, lsi_pace_step(&t->pace, clock - begin));           /* who is slow?                       */
  lsi_pace_judge(&t->pace, lsi_leaf_reduce_told(t->reduce), clock - begin);
  return LS_OK;
}
