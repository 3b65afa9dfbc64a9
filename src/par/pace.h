/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_PACE_H
#define LSI_PAR_PACE_H
/*
 * Who is slow? Every rank keeps count of the seconds it worked, which are those it did not wait for
 * others, and they travel with the step's small reduction. A rank that works much longer than the
 * others is what they wait for: it is named in the log, now and then. For the user only.
 */
#include "par/comm.h"

typedef struct lsi_pace {
  const lsi_comm *comm;
  double worked_s, waited_before_s; /* this rank's */
  double window_s, silent_s;        /* of steps since `before`; since the last word */
  float *before;                    /* [ranks] worked seconds at the window's beginning */
  float *work;                      /* [ranks] in the window; scratch */
} lsi_pace;

ls_status lsi_pace_create(const lsi_comm *comm, lsi_pace *out);
void lsi_pace_clear(lsi_pace *pace); /* a zero one is fine */

void lsi_pace_begin(lsi_pace *pace); /* of a step */
/* The step took so long: the worked seconds so far, to be told to the others. */
float lsi_pace_step(lsi_pace *pace, double step_s);
/* What they told, [ranks]; rank 0 may log. */
void lsi_pace_judge(lsi_pace *pace, const float *worked, double step_s);

/* The rank that worked more than LSI_SLOW_FACTOR times as long as the middle one, where that made up a fifth of the
   window or more; -1: none. Reorders `scratch`. Pure. */
static const double LSI_SLOW_FACTOR = 1.5;
int lsi_pace_slowest(const float *work, int n, double window_s, float *scratch, double *factor);
#endif
