/* SPDX-License-Identifier: MIT */
#ifndef LSI_TRAIN_PROFILE_H
#define LSI_TRAIN_PROFILE_H
/* spec.profile.report: where the time of a fit went, printed by rank 0 when it is over. */
#include <lockstep/trainer.h>

/* Of the `steps` steps that this fit took. The matrix products are measured alone for comparison: after training, on memory of
   their own, so that no bit of the result can depend on it. Collective. */
ls_status lsi_profile_print(const ls_trainer *trainer, int64_t steps);
#endif
