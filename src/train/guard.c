/* SPDX-License-Identifier: MIT */
/*
 * fit.on_nonfinite: inputs, losses and gradients that are not finite. Who finds something sets a flag, the flags are agreed with
 * the step's reduction, and then all ranks look for the place where it began. Of several samples the first of the batch is
 * named, whoever has it: lsi_agree takes the lowest rank's word, and ranks hold the batch's rows in order.
 */
#include "train/guard.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "math/finite.h"
#include "math/team.h"
#include "train/trainer.h"

static const char advice[] = "lower the learning rate, set global_clipnorm, or look at the sample; fit.on_nonfinite: skip leaves such "
                             "steps out, ignore trains on. The checkpoints are good";
enum { MAX_WARNINGS = 10 };

static ls_status parse_policy(const char *text, lsi_nonfinite *policy) {
  static const char *const names[] = {"stop", "skip", "ignore"}; /* in the order of lsi_nonfinite */
  for (int i = 0; i < 3; i++)
    if (!text || strcmp(text, names[i]) == 0) {
      *policy = text ? (lsi_nonfinite)i : LSI_NONFINITE_STOP;
      return LS_OK;
    }
  LSI_FAIL(LS_ERR_ARG, "use stop, skip or ignore", "fit: on_nonfinite is '%s'", text);
}

ls_status lsi_guard_create(ls_trainer *t) {
  lsi_guard *g = &t->guard;
  const lsi_layout *layout = &t->model->net->layout;
  LSI_TRY(parse_policy(t->spec.on_nonfinite, &g->policy));
  for (int i = 0; i < t->callbacks.n; i++)
    if (t->callbacks.items[i].ops->kind == LSI_CB_TERMINATE_ON_NAN && g->policy == LSI_NONFINITE_STOP) g->leaves_loss = true;
  if (g->policy == LSI_NONFINITE_SKIP) LSI_TRY(LSI_ALLOC("moving statistics", layout->size - layout->n_trainable, &g->tail));
  g->n_digests = layout->n * (1 + t->optimizer->n_slots) + 1;
  return LSI_ALLOC("digests", g->n_digests, &g->digests);
}

void lsi_guard_clear(ls_trainer *t) {
  lsi_free(t->guard.tail);
  lsi_free(t->guard.digests);
  t->guard.tail = NULL;
  t->guard.digests = NULL;
}

/* ---- the step ---- */

static void copy_tail(const ls_trainer *t, bool back) {
  const lsi_layout *layout = &t->model->net->layout;
  float *own = t->guard.tail, *theirs = t->model->net->params + layout->n_trainable;
  if (own) memcpy(back ? theirs : own, back ? own : theirs, (layout->size - layout->n_trainable) * sizeof *own);
}

void lsi_guard_begin(ls_trainer *t) {
  copy_tail(t, false);
  t->guard.input.status = LS_OK;
  if (t->batch.bad.status != LS_OK) t->guard.input = t->batch.bad;
}

static bool watches_steps(const lsi_guard *g) {
  return g->policy != LSI_NONFINITE_IGNORE && !g->leaves_loss;
}

/* As far as this rank has elements [begin, end) of the sum. */
static bool sum_finite(const ls_trainer *t, const float *sum, size_t begin, size_t end) {
  if (!lsi_trainer_halves(t)) return lsi_all_finite(sum + begin, end - begin);
  for (int i = 0; i < t->n_own; i++) {
    size_t from = t->own[i].begin > begin ? t->own[i].begin : begin, to = t->own[i].end < end ? t->own[i].end : end;
    if (from < to && !lsi_all_finite(sum + from, to - from)) return false;
  }
  return true;
}

/* Each rank looks at its share of the summed gradient. */
uint32_t lsi_guard_flags(ls_trainer *t, const float *sum) {
  size_t begin = 0, end = t->model->net->layout.n_trainable;
  if (!watches_steps(&t->guard)) return 0;
  if (!lsi_trainer_halves(t)) lsi_team_slice(end, LSI_ALIGN / sizeof *sum, t->comm->rank, t->comm->size, &begin, &end);
  return t->guard.input.status == LS_OK && sum_finite(t, sum, begin, end) ? 0 : LSI_FLAG_NONFINITE;
}

bool lsi_guard_alarmed(const ls_trainer *t, double loss) {
  return watches_steps(&t->guard) && ((t->flags & LSI_FLAG_NONFINITE) || !isfinite(loss));
}

/* ---- where it began ---- */

/* The weight nearest to the output that is not finite, -1 when all are; and how many are not. */
static int bad_weight(const ls_trainer *t, int *n_bad) {
  const lsi_layout *layout = &t->model->net->layout;
  int last = -1;
  *n_bad = 0;
  for (int i = 0; i < layout->n; i++) {
    if (lsi_all_finite(t->model->net->params + layout->tensors[i].offset, layout->tensors[i].count)) continue;
    last = i;
    ++*n_bad;
  }
  return last;
}

/* The same of the gradient, of which each rank may have a part. Collective. */
static ls_status bad_gradient(const ls_trainer *t, const float *sum, int *last, int *n_bad) {
  const lsi_layout *layout = &t->model->net->layout;
  *last = -1;
  *n_bad = 0;
  for (int i = 0; i < layout->n; i++) {
    const lsi_tensor *tensor = &layout->tensors[i];
    if (!tensor->trainable) continue;
    int bad = !sum_finite(t, sum, tensor->offset, tensor->offset + tensor->count);
    LSI_TRY(lsi_agree_most(t->comm, bad, &bad));
    if (bad) *last = i, ++*n_bad;
  }
  return LS_OK;
}

static const char *others(int n_bad, char text[48]) {
  if (n_bad > 1) snprintf(text, 48, " (and %d more)", n_bad - 1);
  else text[0] = 0;
  return text;
}

/* The first layer with a value of this row that is not finite; the inputs are known to be, and may be the next batch's already. */
static const lsi_layer *bad_layer(const ls_trainer *t, int64_t row) {
  const lsi_net *net = t->model->net;
  for (int i = 1; i < net->n_layers; i++) {
    const lsi_layer *layer = net->layers[i];
    const float *out = t->workspace->outputs[i];
    if (out != t->workspace->x && !lsi_all_finite(out + (size_t)row * layer->out_size, layer->out_size)) return layer;
  }
  return NULL;
}

/* This rank's first row whose loss is not finite; LS_OK when it has none. */
static ls_status look_at_rows(const ls_trainer *t, const lsi_leaf_plan *plan) {
  int64_t lead = (int64_t)t->objective.lead, rows = (plan->row_end - plan->row_begin) * lead, r = 0;
  while (r < rows && isfinite(t->scratch.value[r])) r++;
  if (r == rows) return LS_OK;
  int64_t p = t->epoch * t->steps_per_epoch + t->step - 1; /* it has moved on */
  int64_t sample = lsi_feed_sample(&t->feed, p, plan->row_begin + r / lead);
  const lsi_layer *layer = bad_layer(t, r / lead);
  char place[LSI_PLACE_BYTES];
  lsi_dataset_place(t->feed.data, sample, place);
  if (!layer)
    LSI_FAIL(LS_ERR_NUMERIC, advice, "%s: the loss is %g, with finite outputs", place, t->scratch.value[r]);
  LSI_FAIL(LS_ERR_NUMERIC, advice, "%s: the loss is %g; the values first go wrong in layer '%s'", place, t->scratch.value[r], layer->name);
}

static ls_status look_at_gradient(const ls_trainer *t, const float *sum, double loss) {
  char more[48];
  int n_bad, i;
  LSI_TRY(bad_gradient(t, sum, &i, &n_bad));
  if (i < 0) LSI_FAIL(LS_ERR_NUMERIC, advice, "the loss is %g, because of the penalties of the weights", loss);
  LSI_FAIL(LS_ERR_NUMERIC, advice, "the gradient of '%s'%s is not finite", t->model->net->layout.tensors[i].name, others(n_bad, more));
}

ls_status lsi_guard_weights(const ls_trainer *t) {
  char more[48];
  int n_bad;
  if (!watches_steps(&t->guard)) return LS_OK;
  if (lsi_all_finite(t->model->net->params, t->model->net->layout.size)) return LS_OK;
  int i = bad_weight(t, &n_bad);
  if (i < 0) return LS_OK; /* padding */
  LSI_FAIL(LS_ERR_NUMERIC, advice, "the weights '%s'%s are no longer finite", t->model->net->layout.tensors[i].name,
           others(n_bad, more));
}

/* An input, else a weight, else a sample's loss, else a gradient: the first of these that is wrong explains the rest. */
static ls_status find_cause(ls_trainer *t, const lsi_leaf_plan *plan, const float *sum, double loss) {
  if (t->guard.input.status != LS_OK) lsi_error_copy(&t->guard.input);
  LSI_TRY(lsi_agree(t->comm, t->guard.input.status));
  LSI_TRY(lsi_guard_weights(t));
  if (!isfinite(loss)) LSI_TRY(lsi_agree(t->comm, look_at_rows(t, plan)));
  return look_at_gradient(t, sum, loss);
}

/* ---- what is done about it ---- */

static void prefix_place(const ls_trainer *t) {
  lsi_error_prefix("epoch %" PRId64 ", step %" PRId64, t->epoch + 1, t->step);
}

/* The step is left out: the weights are those before it. */
static void leave_out(ls_trainer *t) {
  lsi_guard *g = &t->guard;
  t->flags &= ~(uint32_t)LSI_FLAG_CHECKPOINT_DUE;
  if (++g->skipped <= MAX_WARNINGS)
    lsi_log_warn("%s: this step is left out%s", ls_last_error()->message,
                 g->skipped == MAX_WARNINGS ? "; further ones are only counted" : "");
  lsi_error_clear();
}

ls_status lsi_guard_judge(ls_trainer *t, const lsi_leaf_plan *plan, const float *sum, double loss) {
  copy_tail(t, true);
  bool weights_good = lsi_guard_weights(t) == LS_OK;
  ls_status status = find_cause(t, plan, sum, loss);
  prefix_place(t);
  if (t->guard.policy != LSI_NONFINITE_SKIP || !weights_good || status != LS_ERR_NUMERIC) return status;
  leave_out(t);
  return LS_OK;
}

ls_status lsi_guard_epoch(const ls_trainer *t) {
  LSI_CHECK(t->guard.policy != LSI_NONFINITE_SKIP || t->tally.sums[1] > 0 || t->step == 0, LS_ERR_NUMERIC, advice,
            "epoch %" PRId64 ": every step had values that are not finite, and was left out", t->epoch + 1);
  return LS_OK;
}
