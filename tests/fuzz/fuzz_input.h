/* SPDX-License-Identifier: MIT */
#ifndef LST_FUZZ_INPUT_H
#define LST_FUZZ_INPUT_H
/* The input as a file that has a name but no place on disk, for parsers that take paths. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The descriptor; `path` [32] names it. Close it to remove the file. */
static inline int fuzz_file(const uint8_t *data, size_t n, char path[32]) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, n) != (ssize_t)n) {
    perror("fuzz input");
    exit(2);
  }
  snprintf(path, 32, "/proc/self/fd/%d", fd);
  return fd;
}
#endif
