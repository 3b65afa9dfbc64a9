/* SPDX-License-Identifier: MIT */
#include "par/wait.h"

#include <sched.h>
#include <time.h>

#include "base/clock.h"
#include "math/team.h"
#include "par/cores.h"
#include "par/peers.h"
#include "par/watchdog.h"

/* A pause takes up to 50 ns. Where cores are free, giving one away costs well under 1 us after the
   first spins. Who has waited for DOZE_AFTER_S leaves the core to others for DOZE_NS at a time. */
enum { SPINS_FREE = 1000, SPINS_CROWDED = 50 };
enum { YIELDS_A_LOOK = 32, YIELDS_A_PROBE = 256, DOZE_NS = 100000 };
static const double DOZE_AFTER_S = 0.01, SHOW_AFTER_S = 0.05, LONGEST_GAP_S = 0.5;

ls_status lsi_wait_settle(const lsi_comm *comm) {
  lsi_cores cores;
  LSI_TRY(lsi_cores_find(comm, &cores));
  bool crowded = (int64_t)cores.n_sharers * lsi_team_size() > cores.n_cores;
  comm->peers->n_spins = crowded ? SPINS_CROWDED : SPINS_FREE;
  return LS_OK;
}

static _Thread_local bool aside;

void lsi_wait_aside(void) {
  aside = true;
}

void lsi_mpi_lock(const lsi_comm *comm) {
  if (comm->peers && comm->peers->threaded)
    pthread_mutex_lock(&comm->peers->mpi);
}

void lsi_mpi_unlock(const lsi_comm *comm) {
  if (comm->peers && comm->peers->threaded)
    pthread_mutex_unlock(&comm->peers->mpi);
}

ls_status lsi_mpi_unlocked(const lsi_comm *comm, int code, const char *call) {
  lsi_mpi_unlock(comm);
  return code == MPI_SUCCESS ? LS_OK : lsi_mpi_status(code, call);
}

static inline void relax(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

static bool dozes(const lsi_wait *wait) {
  return wait->waited > DOZE_AFTER_S;
}

/* Others are told as long as reads come to an end. */
static ls_status look_at_data(lsi_peers *peers, lsi_wait *wait, double gap) {
  uint64_t steps = atomic_load_explicit(&wait->reading->steps, memory_order_relaxed);
  wait->read_s += gap;
  wait->still_s = steps == wait->steps ? wait->still_s + gap : 0;
  wait->steps = steps;
  wait->waited = DOZE_AFTER_S + DOZE_NS * 1e-9;
  if (wait->read_s > SHOW_AFTER_S)
    atomic_store_explicit(&peers->mine->reads, 1, memory_order_relaxed);
  if (peers->deadline_s > 0 && wait->still_s > LSI_DATA_DEADLINES * peers->deadline_s)
    lsi_watchdog_leave(wait->reading->what ? wait->reading->what : "a read of its data", wait->still_s);
  if (peers->deadline_s > 0 && wait->read_s - wait->told_s > peers->deadline_s / 4) {
    wait->told_s = wait->read_s;
    lsi_reading_tell(peers);
  }
  return lsi_peers_check(peers);
}

/* Once in a while: is it time to give up? A process that was stopped itself (suspended with its job,
   say) must not take that time for the others' delay. */
static ls_status look(lsi_peers *peers, lsi_wait *wait) {
  double now = lsi_clock_s(), gap = now - wait->last;
  wait->last = now;
  gap = gap < LONGEST_GAP_S ? gap : LONGEST_GAP_S;
  if (wait->reading && atomic_load(&wait->reading->on))
    return look_at_data(peers, wait, gap);
  wait->waited += gap;
  if (wait->waited < SHOW_AFTER_S)
    return LS_OK;
  atomic_store_explicit(&peers->mine->waits, 1, memory_order_relaxed);
  bool late = peers->deadline_s > 0 && wait->waited > peers->deadline_s;
  if (late && lsi_reading_heard(peers)) {
    wait->waited = peers->deadline_s / 2;
    late = false;
  }
  return late || lsi_roll_call_begun(peers) ? lsi_roll_call(peers) : LS_OK;
}

ls_status lsi_wait_pause(lsi_peers *peers, lsi_wait *wait) {
  uint64_t polls = ++wait->polls;
  if (!peers) {
    sched_yield();
    return LS_OK;
  }
  if (polls == 1)
    wait->began = wait->last = lsi_clock_s();
  if (atomic_load_explicit(&peers->lost, memory_order_acquire))
    return lsi_peers_check(peers);
  if (polls <= (uint64_t)peers->n_spins) {
    relax();
    return LS_OK;
  }
  if (dozes(wait))
    nanosleep(&(struct timespec){.tv_nsec = DOZE_NS}, NULL);
  else
    sched_yield();
  return dozes(wait) || polls % YIELDS_A_LOOK == 0 ? look(peers, wait) : LS_OK;
}

void lsi_wait_end(lsi_peers *peers, const lsi_wait *wait) {
  if (!peers || !wait->polls)
    return;
  if (wait->read_s > 0)
    atomic_store_explicit(&peers->mine->reads, 0, memory_order_relaxed);
  if (!aside)
    peers->waited_s += lsi_clock_s() - wait->began - wait->read_s; /* a slow disk is slowness of its own */
  if (wait->waited >= SHOW_AFTER_S && !atomic_load(&peers->lost)) /* then it stays, for the roll call */
    atomic_store_explicit(&peers->mine->waits, 0, memory_order_relaxed);
}

static ls_status test_all(const lsi_comm *comm, int n, MPI_Request *requests, int *done) {
  return LSI_MPI_LOCKED(comm, MPI_Testall(n, requests, done, MPI_STATUSES_IGNORE));
}

ls_status lsi_wait_all(const lsi_comm *comm, int n, MPI_Request *requests) {
  lsi_wait wait = {0};
  int done = 0;
  ls_status status = test_all(comm, n, requests, &done);
  while (status == LS_OK && !done) {
    status = lsi_wait_pause(comm->peers, &wait);
    if (status == LS_OK)
      status = test_all(comm, n, requests, &done);
  }
  lsi_wait_end(comm->peers, &wait);
  return status;
}

/* MPI gets on only while somebody calls it; other ranks may need that. */
static ls_status keep_going(const lsi_comm *comm, const lsi_wait *wait) {
  int found;
  if (!comm->peers || (wait->polls % YIELDS_A_PROBE != 0 && !dozes(wait)))
    return LS_OK;
  return LSI_MPI_LOCKED(
      comm, MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm->peers->calls, &found, MPI_STATUS_IGNORE));
}

ls_status lsi_counters_wait_reading(lsi_counter *counters, int n, uint64_t target, const lsi_comm *comm, const lsi_reading *reading) {
  lsi_wait wait = {.reading = reading};
  ls_status status = LS_OK;
  for (int i = 0; i < n && status == LS_OK; i++) {
    while (status == LS_OK &&
           atomic_load_explicit(&counters[i].value, memory_order_acquire) < target) {
      status = lsi_wait_pause(comm->peers, &wait);
      if (status == LS_OK)
        status = keep_going(comm, &wait);
    }
  }
  lsi_wait_end(comm->peers, &wait);
  return status;
}

ls_status lsi_counters_wait(lsi_counter *counters, int n, uint64_t target, const lsi_comm *comm) {
  return lsi_counters_wait_reading(counters, n, target, comm, NULL);
}
