/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_SLOTS_H
#define LSI_OPTIM_SLOTS_H
#include "optim/optimizer.h"

/* Describe and allocate the slots of an optimizer whose object and n are set; they are zeros. */
ls_status lsi_optimizer_make_slots(lsi_optimizer *optimizer);
#endif
