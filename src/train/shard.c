/* SPDX-License-Identifier: MIT */
#include "train/shard.h"

#include "base/memory.h"

/* What looks at whole tensors has no shares. */
static ls_status check(const lsi_optimizer *o) {
  LSI_CHECK(!lsi_optimizer_measures_tensors(o), LS_ERR_UNSUPPORTED,
            "leave parallel.shard_optimizer out, or choose an optimizer that works element by element, such as AdamW",
            "optimizer %s cannot be sharded: it measures whole tensors", o->object.info->class_name);
  return LS_OK;
}

static ls_status make_optimizer(ls_model *model, const lsi_shares *shares) {
  const lsi_object *object = &model->compile.optimizer;
  if (!shares) return lsi_optimizer_create(object, &model->net->layout, &model->optimizer);
  LSI_TRY(lsi_optimizer_create_bare(object, &model->net->layout, &model->optimizer));
  for (int i = 0; i < shares->n; i++) lsi_optimizer_fill_slots(model->optimizer, shares->own[i].begin, shares->own[i].end);
  return LS_OK;
}

/* Local: what may fail before ranks talk. */
static ls_status prepare(ls_model *model, const lsi_comm *comm, bool sharded, const lsi_range *ranges, int n, lsi_shares **shares) {
  if (sharded) LSI_TRY(lsi_shares_create(comm, ranges, n, shares));
  if (!model->optimizer) LSI_TRY(make_optimizer(model, *shares));
  return sharded ? check(model->optimizer) : LS_OK;
}

/* From the shares of the fit before to all slots. */
static ls_status unite(ls_model *model) {
  for (int s = 0; s < model->optimizer->n_slots; s++) LSI_TRY(lsi_shares_to_all(model->shares, model->optimizer->slots[s]));
  lsi_shares_destroy(&model->shares);
  return LS_OK;
}

ls_status lsi_model_shard(ls_model *model, bool sharded, const lsi_range *ranges, int n) {
  const lsi_comm *comm = lsi_context_comm(model->context);
  lsi_shares *shares = NULL;
  ls_status status = prepare(model, comm, sharded && comm->size > 1, ranges, n, &shares);
  status = lsi_agree(comm, status);
  bool as_before = status == LS_OK && model->shares && shares && lsi_shares_equal(model->shares, shares);
  if (status == LS_OK && model->shares && !as_before) status = unite(model);
  if (status != LS_OK || as_before) {
    lsi_shares_destroy(&shares);
    return status;
  }
  model->shares = shares;
  for (int s = 0; shares && s < model->optimizer->n_slots; s++) lsi_small_pages(model->optimizer->slots[s], model->optimizer->n * sizeof(float));
  lsi_slots_forget(model);
  return LS_OK;
}

ls_status lsi_slot_to_root(const ls_model *model, int s) {
  return model->shares ? lsi_shares_to_root(model->shares, model->optimizer->slots[s]) : LS_OK;
}

void lsi_slot_forget(const ls_model *model, int s) {
  if (model->shares) lsi_shares_forget(model->shares, model->optimizer->slots[s], model->optimizer->n);
}

ls_status lsi_slots_to_root(const ls_model *model) {
  for (int s = 0; model->shares && s < model->optimizer->n_slots; s++) LSI_TRY(lsi_slot_to_root(model, s));
  return LS_OK;
}

void lsi_slots_forget(const ls_model *model) {
  for (int s = 0; model->shares && s < model->optimizer->n_slots; s++) lsi_slot_forget(model, s);
}
