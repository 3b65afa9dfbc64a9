/* SPDX-License-Identifier: MIT */
#include "train/shard.h"

#include "par/shares.h"

/* What looks at whole tensors, or at all slots within a step, has no shares. */
static ls_status check(const lsi_optimizer *o) {
  LSI_CHECK(!lsi_optimizer_measures_tensors(o) && o->average < 0 && o->accumulator < 0, LS_ERR_UNSUPPORTED,
            "leave parallel.shard_optimizer out, or choose another optimizer",
            "optimizer %s cannot be sharded: it measures whole tensors, or has use_ema or gradient_accumulation_steps",
            o->object.info->class_name);
  return LS_OK;
}

/* Local: what may fail before ranks talk. */
static ls_status prepare(ls_model *model, const lsi_comm *comm, bool sharded) {
  const lsi_layout *layout = &model->net->layout;
  size_t n = layout->n_trainable, begin = 0, end = n;
  if (sharded && !model->shares) LSI_TRY(lsi_shares_create(comm, n, &model->shares));
  if (sharded) lsi_shares_own(model->shares, &begin, &end);
  if (!model->optimizer) LSI_TRY(lsi_optimizer_create_share(&model->compile.optimizer, layout, begin, end, &model->optimizer));
  return sharded ? check(model->optimizer) : LS_OK;
}

ls_status lsi_model_shard(ls_model *model, bool sharded) {
  const lsi_comm *comm = lsi_context_comm(model->context);
  sharded = sharded && comm->size > 1;
  LSI_TRY(lsi_agree(comm, prepare(model, comm, sharded)));
  if (!model->shares) return LS_OK;
  for (int s = 0; s < model->optimizer->n_slots && !sharded; s++) LSI_TRY(lsi_shares_to_all(model->shares, model->optimizer->slots[s]));
  if (sharded) lsi_slots_forget(model);
  else lsi_shares_destroy(&model->shares);
  return LS_OK;
}

ls_status lsi_slots_to_root(const ls_model *model) {
  if (!model->shares) return LS_OK;
  for (int s = 0; s < model->optimizer->n_slots; s++) LSI_TRY(lsi_shares_to_root(model->shares, model->optimizer->slots[s]));
  return LS_OK;
}

void lsi_slots_forget(const ls_model *model) {
  if (!model->shares) return;
  for (int s = 0; s < model->optimizer->n_slots; s++) lsi_shares_forget(model->shares, model->optimizer->slots[s]);
}
