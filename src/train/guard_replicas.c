/* SPDX-License-Identifier: MIT */
/*
 * Every rank holds the same weights and slots. A bit that flips in the memory of one goes into the next gradients of all; its own
 * weights stay different from the others' for good, and that is what is looked for: every parallel.check_every_steps steps
 * and before anything is kept. What all ranks get alike, such as a product computed wrongly before the exchange, cannot be seen
 * here: `lockstep verify` finds that.
 */
#include "train/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "train/trainer.h"

/* The numbers beside the arenas. */
static void digest_numbers(const ls_trainer *t, lsi_digest128 *out) {
  struct {
    int64_t epoch, step, iteration, stop;
    double rate;
  } numbers = {t->epoch, t->step, t->optimizer->iteration, t->stop, t->optimizer->learning_rate};
  lsi_hash_bytes_value(&numbers, sizeof numbers, out->half);
}

static void digest_arena(const lsi_layout *layout, const float *arena, lsi_digest128 *out) {
  for (int i = 0; i < layout->n; i++)
    lsi_hash_bytes_value(arena + layout->tensors[i].offset, layout->tensors[i].count * sizeof *arena, out[i].half);
}

static void digest_slot(const lsi_layout *layout, const float *slot, lsi_digest128 *out) {
  static const lsi_digest128 none;
  for (int i = 0; i < layout->n; i++)
    if (layout->tensors[i].trainable)
      lsi_hash_bytes_value(slot + layout->tensors[i].offset, layout->tensors[i].count * sizeof *slot, out[i].half);
    else
      out[i] = none;
}

static void digest_state(ls_trainer *t, lsi_digest128 *all) {
  const lsi_layout *layout = &t->model->net->layout;
  lsi_guard *g = &t->guard;
  digest_numbers(t, &g->digests[g->n_digests - 1]);
  digest_arena(layout, t->model->net->params, g->digests);
  for (int s = 0; s < t->optimizer->n_slots && !t->model->shares; s++) /* shares have no replicas */
    digest_slot(layout, t->optimizer->slots[s], g->digests + (1 + s) * layout->n);
  lsi_hash_bytes_value(g->digests, (size_t)g->n_digests * sizeof *g->digests, all->half);
}

static void name_place(const ls_trainer *t, int i, char *text, size_t size) {
  const lsi_layout *layout = &t->model->net->layout;
  int arena = i / layout->n;
  if (i >= t->guard.n_digests - 1) snprintf(text, size, "the position in the training");
  else if (arena == 0) snprintf(text, size, "'%s'", layout->tensors[i].name);
  else snprintf(text, size, "the %s of '%s'", t->optimizer->slot_names[arena - 1], layout->tensors[i % layout->n].name);
}

static ls_status report(const ls_trainer *t, const lsi_replica_vote *vote) {
  char place[LSI_NAME + 80], when[64];
  int first;
  LSI_TRY(lsi_replicas_first_difference(t->comm, vote->reference, t->guard.digests, t->guard.n_digests, &first));
  name_place(t, first, place, sizeof place);
  if (t->step > 0) snprintf(when, sizeof when, "epoch %" PRId64 ", step %" PRId64, t->epoch + 1, t->step);
  else snprintf(when, sizeof when, "after epoch %" PRId64, t->epoch);
  LSI_FAIL(LS_ERR_NOT_SAME,
           "memory or processor of that host may be failing: test it, or leave it out. The last checkpoint was made of equal replicas: the "
           "same command goes on from it",
           "%s: the replicas differ, first in %s: %s %s", when, place, vote->odd,
           vote->majority ? "differ from all others, which agree" : "do not agree, and no majority says who is right");
}

ls_status lsi_guard_replicas(ls_trainer *t) {
  lsi_digest128 all;
  lsi_replica_vote vote;
  if (t->comm->size == 1) return LS_OK;
  digest_state(t, &all);
  LSI_TRY(lsi_replicas_compare(t->comm, &all, &vote));
  return vote.equal ? LS_OK : report(t, &vote);
}

ls_status lsi_guard_step(ls_trainer *t) {
  int64_t every = t->spec.check_every_steps;
  return every > 0 && t->optimizer->iteration % every == 0 ? lsi_guard_replicas(t) : LS_OK;
}

ls_status lsi_guard_save(ls_trainer *t) {
  if (t->spec.check_every_steps > 0) LSI_TRY(lsi_guard_replicas(t));
  return lsi_guard_weights(t);
}
