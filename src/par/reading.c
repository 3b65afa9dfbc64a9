/* SPDX-License-Identifier: MIT */
#include "par/reading.h"

#include "base/thread.h"
#include "par/peers.h"
#include "par/wait.h"

enum { TAG = 8 };

static void lock(lsi_peers *peers) {
  if (peers->threaded)
    pthread_mutex_lock(&peers->mpi);
}

static void unlock(lsi_peers *peers) {
  if (peers->threaded)
    pthread_mutex_unlock(&peers->mpi);
}

/* Nobody waits for these messages: they are empty, and what was not heard means nothing. */
void lsi_reading_tell(lsi_peers *peers) {
  MPI_Request request;
  lock(peers);
  for (int r = 0; r < peers->size; r++)
    if (r != peers->rank && MPI_Isend(NULL, 0, MPI_BYTE, r, TAG, peers->calls, &request) == MPI_SUCCESS)
      MPI_Request_free(&request);
  unlock(peers);
}

bool lsi_reading_heard(lsi_peers *peers) {
  bool heard = false;
  int found = 1;
  MPI_Status status;
  lock(peers);
  while (MPI_Iprobe(MPI_ANY_SOURCE, TAG, peers->calls, &found, &status) == MPI_SUCCESS && found &&
         MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, TAG, peers->calls, MPI_STATUS_IGNORE) == MPI_SUCCESS)
    heard = true;
  unlock(peers);
  return heard;
}

ls_status lsi_reading_wait(const lsi_comm *comm, lsi_reading *reading, bool (*over)(void *), void *self) {
  lsi_wait wait = {.reading = reading};
  ls_status status = LS_OK;
  atomic_store(&reading->on, true);
  while (status == LS_OK && !over(self))
    status = lsi_wait_pause(comm->peers, &wait);
  atomic_store(&reading->on, false);
  lsi_wait_end(comm->peers, &wait);
  return status;
}

/* ---- files on a thread of their own ---- */

typedef struct aside {
  ls_status (*work)(void *);
  void *self;
  atomic_bool over;
  ls_status status;
  ls_error error;
} aside;

static void *do_it(void *argument) {
  aside *a = argument;
  a->status = a->work(a->self);
  if (a->status != LS_OK)
    a->error = *ls_last_error();
  atomic_store(&a->over, true);
  return NULL;
}

static bool is_over(void *self) {
  return atomic_load(&((aside *)self)->over);
}

ls_status lsi_files_aside(const lsi_comm *comm, lsi_reading *reading, ls_status (*work)(void *), void *self) {
  aside a = {.work = work, .self = self};
  pthread_t thread;
  if (!comm->peers || comm->peers->size == 1)
    return work(self);
  if (lsi_thread_start("reader or writer of files", LSI_DEFAULT_STACK, do_it, &a, &thread) != LS_OK) {
    lsi_error_clear();
    return work(self);
  }
  ls_status status = lsi_reading_wait(comm, reading, is_over, &a);
  pthread_join(thread, NULL);
  LSI_TRY(status);
  if (a.status != LS_OK)
    lsi_error_copy(&a.error);
  return a.status;
}
