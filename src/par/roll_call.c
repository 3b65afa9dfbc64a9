/* SPDX-License-Identifier: MIT */
/*
 * When a rank has waited too long: who is missing? The ranks of a node see it on their board. The
 * lowest of a node that waits sends what it sees to the first LISTENERS ranks, which gather for
 * GRACE_S what comes, and the lowest speaker among them holds the record. After a cut each side has
 * one. Nothing here waits for a rank that may be gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/process.h"
#include "par/peers.h"
#include "par/wait.h"

enum { LISTENERS = 64, MAX_LOCAL = 1024, TAG = 7, TEXT = 200 };
enum { SILENT, WAITS, MISSING };
static const double GRACE_S = 3, SETTLE_S = 0.3, POLL_S = 0.002;

/* What one rank sees of its node. */
typedef struct statement {
  int32_t speaker;
  uint8_t seen[MAX_LOCAL];  /* by rank of the node: SILENT (not known), WAITS, MISSING */
  int32_t missing;          /* the first that is missing, or -1 */
  char about[TEXT];         /* ... and what is known of it */
} statement;

typedef struct answers {
  lsi_peers *peers;
  uint8_t *seen;  /* [size] */
  char (*about)[TEXT]; /* [n_nodes] of the first that is missing there */
  int first_speaker;
} answers;

static void doze(double seconds) {
  nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
}

static const char *state_text(char state) {
  switch (state) {
  case 'T': return "stopped by a signal";
  case 't': return "stopped by a debugger";
  case 'D': return "waiting for a disk or a file server";
  case 'Z':
  case 'X':
  case '-': return "gone";
  case 'R': return "computing";
  default: return "asleep";
  }
}

/* "in training, epoch 3, step 17" */
static void place_text(const lsi_peer *line, char *text, size_t size) {
  static const char *const names[] = {"at the start",  "in training",   "at a checkpoint",
                                      "in validation", "in evaluation", "at the end"};
  int phase = atomic_load(&line->phase);
  long long epoch = (long long)atomic_load(&line->epoch), step = (long long)atomic_load(&line->step);
  const char *name = phase >= 0 && phase <= LSI_PHASE_FINISH ? names[phase] : "somewhere";
  int n = snprintf(text, size, "%s", name);
  if (epoch > 0)
    n += snprintf(text + n, size - (size_t)n, ", epoch %lld", epoch);
  if (step > 0)
    n += snprintf(text + n, size - (size_t)n, ", step %lld", step);
  if (atomic_load(&line->reads))
    snprintf(text + n, size - (size_t)n, ", waiting for its data");
}

static bool waits(const lsi_peer *line) {
  return atomic_load_explicit(&line->waits, memory_order_relaxed) != 0;
}

static void look_around(const lsi_peers *peers, statement *out) {
  *out = (statement){.speaker = peers->rank, .missing = -1};
  int first = peers->node_first[peers->node];
  for (int r = 0; r < peers->node_size && r < MAX_LOCAL; r++) {
    const lsi_peer *line = r == peers->node_rank ? peers->mine : &peers->board[r];
    if (r != peers->node_rank && !peers->board)
      continue;
    out->seen[r] = r == peers->node_rank || waits(line) ? WAITS : MISSING;
    if (out->seen[r] == WAITS && first + r < out->speaker)
      out->speaker = first + r;
    if (out->seen[r] != MISSING || out->missing >= 0)
      continue;
    char place[TEXT / 2];
    int pid = atomic_load(&line->pid);
    place_text(line, place, sizeof place);
    out->missing = first + r;
    snprintf(out->about, sizeof out->about, "process %d, %s, %s", pid,
             state_text(lsi_process_state(pid)), place);
  }
}

static int node_of(const lsi_peers *peers, int rank) {
  int node = 0;
  while (peers->node_first[node + 1] <= rank)
    node++;
  return node;
}

static void enter(answers *roll, const statement *said) {
  const lsi_peers *peers = roll->peers;
  if (said->speaker < 0 || said->speaker >= peers->size)
    return;
  int node = node_of(peers, said->speaker), first = peers->node_first[node];
  for (int r = first; r < peers->node_first[node + 1] && r - first < MAX_LOCAL; r++)
    if (said->seen[r - first] > roll->seen[r])
      roll->seen[r] = said->seen[r - first];
  if (said->missing >= 0)
    memcpy(roll->about[node], said->about, TEXT);
  if (said->speaker < roll->first_speaker)
    roll->first_speaker = said->speaker;
}

/* To all that listen; a listener also calls the first rank of every other node. The requests are
   never waited for: who does not receive them is gone. */
static void speak(const lsi_peers *peers, const statement *mine) {
  MPI_Request request;
  for (int node = 0; node < peers->n_nodes; node++) {
    int first = peers->node_first[node], end = peers->node_first[node + 1];
    for (int r = first; r < end; r++) {
      bool called = peers->rank < LISTENERS && r == first;
      if (r != peers->rank && (r < LISTENERS || called) &&
          MPI_Isend(mine, (int)sizeof *mine, MPI_BYTE, r, TAG, peers->calls, &request) ==
              MPI_SUCCESS)
        MPI_Request_free(&request);
    }
  }
}

static bool all_seen(const answers *roll) {
  for (int r = 0; r < roll->peers->size; r++)
    if (roll->seen[r] == SILENT)
      return false;
  return true;
}

static void listen(answers *roll) {
  const lsi_peers *peers = roll->peers;
  double end = lsi_clock_s() + GRACE_S;
  while (!all_seen(roll) && lsi_clock_s() < end) {
    int found = 0;
    statement said;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, TAG, peers->calls, &found, &status) == MPI_SUCCESS && found &&
        MPI_Recv(&said, (int)sizeof said, MPI_BYTE, status.MPI_SOURCE, TAG, peers->calls,
                 MPI_STATUS_IGNORE) == MPI_SUCCESS) {
      said.about[TEXT - 1] = '\0';
      enter(roll, &said);
    } else {
      doze(POLL_S);
    }
  }
}

/* "rank 3" / "ranks 2-3, 7", cut when long. */
static void list_ranks(const answers *roll, int from, int to, char *text, size_t size) {
  size_t used = 0;
  int n = 0;
  for (int r = from; r < to; r++)
    n += roll->seen[r] != WAITS;
  used += (size_t)snprintf(text, size, n > 1 ? "ranks" : "rank");
  for (int r = from, shown = 0; r < to && used + 40 < size; r++) {
    if (roll->seen[r] == WAITS)
      continue;
    int last = r;
    while (last + 1 < to && roll->seen[last + 1] != WAITS)
      last++;
    used += (size_t)snprintf(text + used, size - used, "%s %d", shown++ ? "," : "", r);
    if (last > r)
      used += (size_t)snprintf(text + used, size - used, "-%d", last);
    r = last;
  }
}

/* One host's part of the message; false when nobody is missing there. */
static bool describe_host(const answers *roll, int node, char *text, size_t size) {
  const lsi_peers *peers = roll->peers;
  int first = peers->node_first[node], end = peers->node_first[node + 1], n = 0;
  bool silent = true;
  char ranks[300];
  for (int r = first; r < end; r++) {
    n += roll->seen[r] != WAITS;
    silent = silent && roll->seen[r] == SILENT;
  }
  if (n == 0)
    return false;
  list_ranks(roll, first, end, ranks, sizeof ranks);
  if (silent && peers->n_nodes > 1)
    snprintf(text, size, "host %s (%s) is not heard of", peers->hosts[node], ranks);
  else if (roll->about[node][0])
    snprintf(text, size, "%s on host %s did not arrive (%s)", ranks, peers->hosts[node],
             roll->about[node]);
  else
    snprintf(text, size, "%s on host %s did not arrive", ranks, peers->hosts[node]);
  return true;
}

static void write_record(const answers *roll) {
  enum { SHOWN_HOSTS = 3 };
  const lsi_peers *peers = roll->peers;
  char who[700] = "", place[TEXT];
  size_t used = 0;
  int n = 0;
  for (int node = 0; node < peers->n_nodes; node++) {
    char host[400];
    if (!describe_host(roll, node, host, sizeof host))
      continue;
    if (n < SHOWN_HOSTS && used < sizeof who)
      used += (size_t)snprintf(who + used, sizeof who - used, "%s%s", n ? "; " : "", host);
    n++;
  }
  if (n > SHOWN_HOSTS && used < sizeof who)
    snprintf(who + used, sizeof who - used, "; and %d more hosts", n - SHOWN_HOSTS);
  if (n == 0)
    snprintf(who, sizeof who, "all ranks wait, but a message between them did not arrive");
  place_text(peers->mine, place, sizeof place);
  lsi_error_set(LS_ERR_DEADLINE,
                "look at that host, its load and the network; the same command goes on from the "
                "last checkpoint, on any hosts that are left. How long to wait: "
                "parallel.deadline_seconds, 0 for ever",
                "%s: rank %d gave up after %g s, %s", who, peers->rank, peers->deadline_s, place);
}

static ls_status call_roll(lsi_peers *peers) {
  answers roll = {.peers = peers, .first_speaker = peers->rank};
  statement *mine = NULL; /* never freed: a message may still be read from it */
  LSI_TRY(LSI_ALLOC("roll call", 1, &mine));
  LSI_TRY(LSI_ALLOC("roll call", peers->size, &roll.seen));
  LSI_TRY(LSI_ALLOC("roll call", peers->n_nodes, &roll.about));
  atomic_store_explicit(&peers->mine->waits, 2, memory_order_relaxed);
  doze(SETTLE_S); /* the others of this node see it and join */
  look_around(peers, mine);
  enter(&roll, mine);
  if (mine->speaker == peers->rank) {
    speak(peers, mine);
    if (peers->rank < LISTENERS)
      listen(&roll);
  }
  write_record(&roll);
  ls_error error = *ls_last_error();
  error.rank = roll.first_speaker;
  lsi_error_copy(&error);
  lsi_free(roll.seen);
  lsi_free(roll.about);
  return LS_ERR_DEADLINE;
}

bool lsi_roll_call_begun(lsi_peers *peers) {
  int found = 0;
  for (int r = 0; peers->board && r < peers->node_size; r++)
    if (atomic_load_explicit(&peers->board[r].waits, memory_order_relaxed) == 2)
      return true;
  if (peers->threaded)
    pthread_mutex_lock(&peers->mpi);
  MPI_Iprobe(MPI_ANY_SOURCE, TAG, peers->calls, &found, MPI_STATUS_IGNORE);
  if (peers->threaded)
    pthread_mutex_unlock(&peers->mpi);
  return found;
}

ls_status lsi_roll_call(lsi_peers *peers) {
  pthread_mutex_lock(&peers->roll_call);
  if (!atomic_load_explicit(&peers->lost, memory_order_acquire)) {
    if (peers->threaded)
      pthread_mutex_lock(&peers->mpi);
    (void)call_roll(peers);
    if (peers->threaded)
      pthread_mutex_unlock(&peers->mpi);
    peers->error = *ls_last_error();
    peers->error.status = LS_ERR_DEADLINE;
    atomic_store_explicit(&peers->lost, 1, memory_order_release);
  }
  pthread_mutex_unlock(&peers->roll_call);
  return lsi_peers_check(peers);
}
