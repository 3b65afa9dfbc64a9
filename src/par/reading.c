/* SPDX-License-Identifier: MIT */
/* Words between ranks while one of them waits for its data. */
#include "base/clock.h"
#include "par/peers.h"

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

void lsi_reading_goes_on(const lsi_comm *comm) {
  lsi_peers *peers = comm->peers;
  double now = lsi_clock_s();
  if (!peers || peers->deadline_s <= 0 || now - peers->told_s < peers->deadline_s / 4)
    return;
  if (peers->told_s > 0)
    lsi_reading_tell(peers);
  peers->told_s = now;
}
