/* SPDX-License-Identifier: MIT */
#ifndef LSI_PAR_READING_H
#define LSI_PAR_READING_H
/*
 * A slow disk is not a lost rank. A rank that waits for its own data, or for a file it writes, not for others, tells them so now and
 * then; who waits for ranks hears it, and waits on. As long as reads come to an end this goes on; when none has for LSI_DATA_DEADLINES
 * deadlines, the file system does not answer, and the process leaves, as a read or write cannot be left.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"
#include "par/comm.h"

enum { LSI_DATA_DEADLINES = 10 };

/* Where those that read or write say so. Begins as {0}, or as LSI_WRITING. */
typedef struct lsi_reading {
  atomic_bool on;         /* a thread of this rank reads or writes now, and waits for nobody */
  _Atomic uint64_t steps; /* reads that have ended */
  const char *what;       /* for messages; NULL: a read of its data */
} lsi_reading;

#define LSI_WRITING {.what = "the writing of a file"}

static inline void lsi_reading_step(lsi_reading *reading) { /* NULL is fine */
  if (reading)
    atomic_fetch_add_explicit(&reading->steps, 1, memory_order_relaxed);
}

/* work(self), which reads or writes files and calls no MPI, on a thread of its own, while this one tells the others. Where there are no others, or no thread is
   to be had: here. Not collective. */
ls_status lsi_files_aside(const lsi_comm *comm, lsi_reading *reading, ls_status (*work)(void *), void *self);

/* The same wait for a thread that is there already: until over(self). */
ls_status lsi_reading_wait(const lsi_comm *comm, lsi_reading *reading, bool (*over)(void *self), void *self);

/* For par/wait.c: a message to all others; has one come since the last time? */
void lsi_reading_tell(lsi_peers *peers);
bool lsi_reading_heard(lsi_peers *peers);
#endif
