/* SPDX-License-Identifier: MIT */
#ifndef LSI_OPTIM_SCHEDULE_H
#define LSI_OPTIM_SCHEDULE_H
/* Learning-rate schedules of Keras 3 (keras.optimizers.schedules), and LinearWarmup of our own:
   a function of the 0-based iteration before its increment. */
#include <stdint.h>
#include "nn/object.h"

typedef enum lsi_schedule_kind {
  LSI_SCHEDULE_CONSTANT /* Constant(learning_rate) */, LSI_SCHEDULE_PIECEWISE, LSI_SCHEDULE_EXPONENTIAL, LSI_SCHEDULE_INVERSE_TIME, LSI_SCHEDULE_POLYNOMIAL,
  LSI_SCHEDULE_COSINE /* with warmup_target, warmup_steps */, LSI_SCHEDULE_COSINE_RESTARTS, LSI_SCHEDULE_LINEAR_WARMUP /* target, warmup_steps, initial_learning_rate */
} lsi_schedule_kind;

extern const lsi_family lsi_schedules;

/* Evaluated in double with the pinned functions of math/elementary.h. */
double lsi_schedule_at(const lsi_object *schedule, int64_t iteration);
#endif
