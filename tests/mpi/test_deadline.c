//RANKS 2 3
/* SPDX-License-Identifier: MIT */
/* A rank that does not come is named, on all that wait, and nobody waits a second time. */
#include "mpi_test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "par/leaf_reduce.h"
#include "par/peers.h"
#include "par/wait.h"

/* Each way to wait is one that the last rank does not come to. */
static ls_status meet(int way, lsi_comm *comm, lsi_leaf_reduce *reduce) {
  double values[8] = {0}, out[2];
  char *text = "x";
  lsi_leaf_plan plan;
  switch (way) {
  case 0: return lsi_agree(comm, LS_OK);
  case 1: lsi_leaf_plan_init(&plan, 4, 1, comm->size, comm->rank);
    return lsi_leaf_reduce_sum(reduce, &plan, values, 2, out, NULL);
  case 2: return lsi_agree_same(comm, "it", text, 1);
  default: return lsi_allgather(comm, text, values, 1);
  }
}

static void missing(int way, bool nodes) {
  lsi_comm comm;
  lsi_leaf_reduce *reduce;
  int last = world.size - 1;
  CHECK_OK(nodes ? lsi_comm_create_nodes(MPI_COMM_WORLD, world.rank == last, &comm)
                 : lsi_comm_create(MPI_COMM_WORLD, &comm));
  CHECK_OK(lsi_leaf_reduce_create(&comm, 2, 4, &reduce));
  lsi_phase_set(&comm, LSI_PHASE_TRAIN, 2, 17);
  lsi_comm_set_deadline(&comm, 0.2);
  MPI_Barrier(MPI_COMM_WORLD);
  if (world.rank != last) {
    CHECK(meet(way, &comm, reduce) == LS_ERR_DEADLINE, "way %d: nobody is missed", way);
    const ls_error *error = ls_last_error();
    char expected[80];
    snprintf(expected, sizeof expected, nodes ? "(rank %d) is not heard of" : "rank %d on host ",
             last);
    CHECK(strstr(error->message, expected), "\"%s\" is not in: %s", expected, error->message);
    CHECK(strstr(error->message, "in training, epoch 2, step 17"), "%s", error->message);
    CHECK(error->rank == 0 && ls_error_is_mine() == (world.rank == 0), "rank %d speaks",
          error->rank);
    double start = lsi_clock_s();
    CHECK(lsi_agree(&comm, LS_OK) == LS_ERR_DEADLINE, "the second time");
    CHECK(lsi_clock_s() - start < 0.2, "waited again");
  }
  MPI_Barrier(MPI_COMM_WORLD); /* it still comes: time to take down */
  lsi_leaf_reduce_destroy(&reduce);
}

/* Who comes late, but in time, is waited for; so is everybody when there is no deadline. */
static void late(double deadline_s) {
  lsi_comm_set_deadline(&world, deadline_s);
  if (world.rank == 0)
    usleep(400000);
  CHECK_OK(lsi_agree(&world, LS_OK));
}

/* Ten reads of a third of the deadline each and one of three deadlines, beside which the others wait. */
static ls_status read_slowly(void *self) {
  lsi_reading *reading = self;
  for (int i = 0; i < 10; i++) {
    usleep(100000);
    lsi_reading_step(reading);
  }
  usleep(900000);
  LSI_FAIL(LS_ERR_IO, NULL, "the disk is slow");
}

/* A slow disk is no lost rank; the error of the thread that read is that of the rank. */
static void slow_disk(bool nodes) {
  lsi_comm comm;
  lsi_reading reading = {0};
  int last = world.size - 1;
  CHECK_OK(nodes ? lsi_comm_create_nodes(MPI_COMM_WORLD, world.rank == last, &comm) : lsi_comm_create(MPI_COMM_WORLD, &comm));
  lsi_comm_set_deadline(&comm, 0.3);
  ls_status status = world.rank == last ? lsi_files_aside(&comm, &reading, read_slowly, &reading) : LS_OK;
  CHECK(lsi_agree(&comm, status) == LS_ERR_IO, "not the disk's error");
  CHECK(strstr(ls_last_error()->message, "the disk is slow") && ls_last_error()->rank == last, "rank %d", ls_last_error()->rank);
  CHECK(!atomic_load(&reading.on), "it reads no more");
  MPI_Barrier(MPI_COMM_WORLD);
  lsi_comm_destroy(&comm);
}

int main(void) {
  mpi_test_begin();
  late(60);
  late(0);
  for (int way = 0; way < 4; way++)
    missing(way, way % 2 == 1);
  slow_disk(false);
  slow_disk(true);
  return mpi_test_end();
}
