/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_STATUS_H
#define LOCKSTEP_STATUS_H
/**
 * Status codes and the error record.
 *
 * Every function that can fail returns an ls_status: LS_OK (0) or a negative code. The details of
 * the latest failure on the calling thread are in ls_last_error(). The library never prints an
 * error, and never exits or aborts, but for ls_context_destroy after LS_ERR_DEADLINE.
 */
#include <stdbool.h>
#include <lockstep/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, one-line meaning */
#define LS_STATUS_MAP(X)                                                                           \
  X(ERR_ARG, "bad argument")                                                                       \
  X(ERR_SHAPE, "shapes do not fit")                                                                \
  X(ERR_CONFIG, "bad configuration")                                                               \
  X(ERR_MEMORY, "out of memory")                                                                   \
  X(ERR_NOT_FOUND, "file or object not found")                                                     \
  X(ERR_IO, "input/output error")                                                                  \
  X(ERR_NO_SPACE, "no space left on device")                                                       \
  X(ERR_CORRUPT, "file is damaged")                                                                \
  X(ERR_FORMAT, "not the expected file format")                                                    \
  X(ERR_UNSUPPORTED, "not supported")                                                              \
  X(ERR_NOT_SAME, "ranks disagree")                                                                \
  X(ERR_MPI, "MPI error")                                                                          \
  X(ERR_LAUNCH, "launched in a way that cannot work")                                              \
  X(ERR_NUMERIC, "not a finite number")                                                            \
  X(ERR_STATE, "called in the wrong order")                                                        \
  X(ERR_BUSY, "in use by another run")                                                             \
  X(ERR_INTERRUPTED, "stopped by a signal or a time limit")                                        \
  X(ERR_DIFFERENT, "contents differ")                                                              \
  X(ERR_INTERNAL, "internal error")                                                                \
  X(ERR_DEADLINE, "a rank did not arrive in time")

/* LS_OK = 0, then -1, -2, ... in the order of LS_STATUS_MAP. */
typedef enum ls_status {
  LS_OK = 0,
#define LS_STATUS_POSITION(name, text) LS_STATUS_POSITION_##name,
  LS_STATUS_POSITION_BASE_ = 0,
  LS_STATUS_MAP(LS_STATUS_POSITION)
#undef LS_STATUS_POSITION
#define LS_STATUS_CODE(name, text) LS_##name = -LS_STATUS_POSITION_##name,
      LS_STATUS_MAP(LS_STATUS_CODE)
#undef LS_STATUS_CODE
} ls_status;

/** What went wrong, where, and what to do. Strings are NUL-terminated; `advice` may be empty. */
typedef struct ls_error {
  ls_status status;
  int rank;           /* the MPI rank that saw it first; -1 before MPI is up */
  char host[64];      /* its host, when the ranks are on several; else empty */
  char message[1024]; /* what and where: file, key, line, both values */
  char advice[512];   /* what to do about it */
} ls_error;

/** The latest error on the calling thread. Never NULL; status LS_OK when there was none. Not collective. */
LS_API const ls_error *ls_last_error(void);

/**
 * Is this the process to print the latest error, so that it appears once? Rank 0 is, but after LS_ERR_DEADLINE the lowest rank
 * that the others still hear: it may not be rank 0, and after a cut there is one on each side. Not collective.
 */
LS_API bool ls_error_is_mine(void);

/** "LS_ERR_SHAPE" and its one-line meaning. Unknown codes give "LS_ERR_?". Not collective. */
LS_API const char *ls_status_name(ls_status status);
LS_API const char *ls_status_message(ls_status status);

#ifdef __cplusplus
}
#endif
#endif
