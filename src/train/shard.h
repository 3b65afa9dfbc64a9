/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_SHARD_H
#define LSI_TRAIN_SHARD_H
/*
 * The sharded optimizer (ZeRO stage 1): a rank keeps and updates the slots of its share of the parameters only, and the updated
 * parameters meet. Slots keep their places in arenas of full length, so that one offset means one parameter everywhere; only the
 * memory under the own share is ever held.
 *
 * All but forget are collective, and do nothing where the optimizer is not sharded.
 */
#include "par/shares.h"
#include "train/model.h"

/* The model's optimizer for a fit whose gradients are exchanged in these ranges: made on first use, with all slots or with this
   rank's, and changed from one to the other. */
ls_status lsi_model_shard(ls_model *model, bool sharded, const lsi_range *ranges, int n);
/* All of slot s on rank 0, for as long as something is made from it; then the memory is given back. */
ls_status lsi_slot_to_root(const ls_model *model, int s);
void lsi_slot_forget(const ls_model *model, int s);
/* The same with every slot. */
ls_status lsi_slots_to_root(const ls_model *model);
void lsi_slots_forget(const ls_model *model);
#endif
