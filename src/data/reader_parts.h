/* SPDX-License-Identifier: MIT */
#ifndef LSI_DATA_READER_PARTS_H
#define LSI_DATA_READER_PARTS_H
/* Inside of the reader: the plan of groups (reader_plan.c), the thread (reader_thread.c), the user's side (reader.c). */
#include <stdatomic.h>
#include "data/fields.h"
#include "data/reader.h"
#include "par/bell.h"
#include "par/reading.h"

enum { LSI_MAX_SLOTS = 8 };

/* How buffers are laid out and groups are cut: the same on all ranks of the group. */
typedef struct lsi_reader_plan {
  bool chunked;         /* any streamed field is */
  int n_slots, n_workers;
  int64_t max_rows;     /* of a rank in one batch */
  int64_t slot_rows;    /* a multiple of it, or less than it */
  size_t row_bytes;     /* of all streamed fields */
  size_t slot_bytes, rank_bytes; /* n_slots slots */
  int64_t bytes;        /* that this rank takes in all */
} lsi_reader_plan;

/* Within `budget` bytes for one rank. */
ls_status lsi_reader_plan_make(const lsi_fields *fields, const lsi_course *course, int64_t budget, int n_workers,
                               lsi_reader_plan *out);
/* The group that begins where `before` ends. `course` is the caller's own. */
lsi_stretch lsi_reader_next_group(const lsi_reader_plan *plan, const lsi_fields *fields, lsi_course *course, lsi_stretch before);
/* The array whose chunks stand for all: of the largest file that has any. NULL: there are none. */
const lsi_h5_array *lsi_reader_chunks(const lsi_fields *fields);
/* How often a chunk is read in a pass, about. */
double lsi_reader_repeats(const lsi_reader_plan *plan, const lsi_fields *fields, const lsi_course *course);

/* What went wrong at a rank. */
typedef struct lsi_reader_failure {
  int64_t group; /* the group that is incomplete, + 1; 0: none */
  ls_error error;
} lsi_reader_failure;

/* One slot of one rank. */
typedef struct lsi_slot_view {
  int64_t *count; /* rows in it */
  int64_t *at_hand; /* bits: fields whose rows are decoded where they are in the file, not from here */
  int64_t *rows;  /* [slot_rows] their numbers */
  char *values[LSI_N_FIELDS]; /* [slot_rows, row_bytes] of streamed fields */
} lsi_slot_view;

struct lsi_reader {
  lsi_fields *fields;
  lsi_group group;         /* who reads together: the set's group, or this rank alone */
  int *course_rank;        /* [group.size] their ranks in the course */
  lsi_reader_plan plan;
  int64_t budget_taken;
  bool threaded;           /* else groups are filled when they are asked for */
  bool may_rest;           /* the thread is left out while all rows are at hand: it would only disturb who computes */
  bool resting;            /* it is left out now */
  atomic_int calm;         /* groups in a row for which nothing had to be read */

  /* shared by the group */
  lsi_shm shm;
  char *base;              /* of shm, or owned */
  char *slots;             /* [group.size] x rank_bytes */
  lsi_counter *listed, *wrote, *used, *parked; /* [group.size] groups; times sought */
  lsi_bell *bells;                             /* [group.size] rung when a counter has changed that a thread may wait for */
  lsi_reader_failure *failure;                 /* [group.size] */

  /* the reading side */
  lsi_course ahead;
  lsi_stretch read_from;   /* the first group begins at its end */
  int64_t first_group;     /* its number */
  lsi_fetcher *fetcher;
  lsi_want *wants;         /* [2 * wants_room] */
  int64_t wants_room;
  pthread_t thread;
  bool running;
  lsi_reading reading;     /* by the thread */
  atomic_bool stop;

  /* the using side */
  lsi_course course;
  int64_t next;            /* batch expected; -1: none yet */
  int64_t at;              /* number of the group in use */
  lsi_stretch in_use;
  int64_t taken;           /* rows of it */
  int64_t filled;          /* number of the next group to fill, when not threaded */
  lsi_stretch filling;
  uint64_t seeks;
};

lsi_slot_view lsi_reader_slot(const lsi_reader *reader, int member, int64_t group);
/* Wake the group's threads: a counter has changed. */
void lsi_reader_ring(lsi_reader *reader);
/* List and fetch group number g; the failure, if any, is noted for all. */
ls_status lsi_reader_fill(lsi_reader *reader, int64_t g, lsi_stretch s);
/* Tell all that group g will not be complete: the error at hand is why. */
void lsi_reader_give_up(lsi_reader *reader, int64_t g);
void *lsi_reader_thread(void *reader);
#endif
