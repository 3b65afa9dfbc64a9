/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_LIMITS_H
#define LOCKSTEP_LIMITS_H
/** Sizes of the fixed arrays in public structs. */

enum {
  LS_MAX_RANK = 8,       /* dimensions of one sample */
  LS_MAX_WEIGHT_RANK = 4 /* dimensions of one weight tensor */
};
#endif
