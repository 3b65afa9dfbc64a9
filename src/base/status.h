/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_STATUS_H
#define LSI_BASE_STATUS_H
/* The error record (one per thread) and the macros that fill and forward it. */
#include <stdarg.h>
#include <lockstep/status.h>

/* Record an error and return `status`. `advice` may be NULL. The message replaces an earlier one. */
ls_status lsi_error_set(ls_status status, const char *advice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<prefix>: " before the current message (a caller that knows the file, key or layer). */
void lsi_error_prefix(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Overwrite / clear the thread's record (used when a status is agreed among ranks). */
void lsi_error_copy(const ls_error *error);
void lsi_error_clear(void);
void lsi_error_set_rank(int rank); /* the rank stamped into records from now on, process-wide */

/* Nearest of `n` names to `word` by edit distance, or NULL when none is near enough to suggest. */
const char *lsi_nearest_name(const char *word, const char *const *names, int n);

#define LSI_FAIL(status, advice, ...) return lsi_error_set((status), (advice), __VA_ARGS__)

#define LSI_CHECK(condition, status, advice, ...)                                                  \
  do {                                                                                             \
    if (!(condition)) return lsi_error_set((status), (advice), __VA_ARGS__);                       \
  } while (0)

/* For the pointers a caller of a public function hands over. */
#define LSI_NOT_NULL(pointer)                                                                      \
  LSI_CHECK(pointer, LS_ERR_ARG, NULL, "%s: %s must not be NULL", __func__, #pointer)

#define LSI_TRY(call)                                                                              \
  do {                                                                                             \
    ls_status lsi_try_status_ = (call);                                                            \
    if (lsi_try_status_ != LS_OK) return lsi_try_status_;                                          \
  } while (0)

/* For functions that own resources: jump to the unwind ladder. `status` is a local ls_status. */
#define LSI_TRY_GOTO(status, label, call)                                                          \
  do {                                                                                             \
    (status) = (call);                                                                             \
    if ((status) != LS_OK) goto label;                                                             \
  } while (0)
#endif
