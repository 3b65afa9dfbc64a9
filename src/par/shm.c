/* SPDX-License-Identifier: MIT */
#include "par/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


static const char too_small[] =
    "make /dev/shm larger (docker run --shm-size=..., mount -o remount,size=... "
    "/dev/shm), or choose exchange \"mpi\"";

/* The first rank makes the file and says its name; the number keeps objects of one process apart.
 */
static ls_status make_file(size_t n_bytes, char name[64], int *file) {
  static int number;
  snprintf(name, 64, "/lockstep-%ld-%d", (long)getpid(), number++);
  *file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (*file < 0 && errno == EEXIST) { /* left by a dead process that had this id */
    shm_unlink(name);
    *file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  }
  LSI_CHECK(*file >= 0, LS_ERR_IO, too_small, "cannot create shared memory %s: %s", name,
            strerror(errno));
  LSI_CHECK(ftruncate(*file, (off_t)n_bytes) == 0, LS_ERR_NO_SPACE, too_small,
            "cannot size shared memory to %zu bytes: %s", n_bytes, strerror(errno));
  return LS_OK;
}

static ls_status map_file(lsi_shm *shm) {
  void *base = mmap(NULL, shm->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shm->file, 0);
  LSI_CHECK(base != MAP_FAILED, LS_ERR_MEMORY, too_small,
            "cannot map %zu bytes of shared memory: %s", shm->n_bytes, strerror(errno));
  shm->base = base;
  return LS_OK;
}

ls_status lsi_shm_create(const lsi_comm *comm, size_t n_bytes, lsi_shm *out) {
  lsi_shm shm = {.n_bytes = n_bytes, .file = -1};
  char name[64] = "";
  ls_status status = comm->rank == 0 ? make_file(n_bytes, name, &shm.file) : LS_OK;
  status = lsi_agree(comm, status);
  if (status == LS_OK)
    status = lsi_bcast(comm, name, sizeof name);
  if (status == LS_OK) {
    if (comm->rank != 0)
      shm.file = shm_open(name, O_RDWR, 0);
    status = shm.file < 0 ? lsi_error_set(LS_ERR_IO, "choose exchange \"mpi\"",
                                          "cannot open shared memory %s of rank 0: %s", name,
                                          strerror(errno))
                          : map_file(&shm);
    status = lsi_agree(comm, status);
  }
  if (comm->rank == 0 && name[0])
    shm_unlink(name); /* all have it open, or it is of no use */
  if (status != LS_OK) {
    lsi_shm_destroy(&shm);
    return status;
  }
  *out = shm;
  return LS_OK;
}

ls_status lsi_shm_reserve(const lsi_shm *shm, size_t begin, size_t end) {
  if (begin == end)
    return LS_OK;
  int code;
  do code = posix_fallocate(shm->file, (off_t)begin, (off_t)(end - begin));
  while (code == EINTR);
  LSI_CHECK(code == 0, LS_ERR_NO_SPACE, too_small, "cannot reserve %zu bytes of shared memory: %s",
            end - begin, strerror(code));
  return LS_OK;
}

void lsi_shm_destroy(lsi_shm *shm) {
  if (shm->base) {
    munmap(shm->base, shm->n_bytes);
    close(shm->file);
  } else if (shm->n_bytes && shm->file >= 0) {
    close(shm->file);
  }
  memset(shm, 0, sizeof *shm);
}

bool lsi_counters_reached(lsi_counter *counters, int n, uint64_t target) {
  for (int i = 0; i < n; i++)
    if (atomic_load_explicit(&counters[i].value, memory_order_acquire) < target)
      return false;
  return true;
}
