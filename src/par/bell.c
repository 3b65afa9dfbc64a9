/* SPDX-License-Identifier: MIT */
#include "par/bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct timespec at_most = {.tv_nsec = 100000000};

uint32_t lsi_bell_listen(lsi_bell *bell) {
  return atomic_load(&bell->rung);
}

void lsi_bell_wait(lsi_bell *bell, uint32_t heard) {
  syscall(SYS_futex, &bell->rung, FUTEX_WAIT, heard, &at_most, NULL, 0);
}

void lsi_bell_ring(lsi_bell *bell) {
  atomic_fetch_add(&bell->rung, 1);
  syscall(SYS_futex, &bell->rung, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
