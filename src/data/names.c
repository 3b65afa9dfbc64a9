/* SPDX-License-Identifier: MIT */
#include "data/names.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "par/peers.h"

enum { MAX_FILES = 1 << 20 };

void lsi_names_free(char ***names, int n) {
  if (!*names) return;
  for (int i = 0; i < n; i++) lsi_free((*names)[i]);
  lsi_free(*names);
  *names = NULL;
}

ls_status lsi_names_copy(char *const *from, size_t count, char ***names, int *n) {
  LSI_CHECK(count <= MAX_FILES, LS_ERR_ARG, NULL, "data set: %zu files; at most %d are possible", count, MAX_FILES);
  char **copy;
  *n = 0;
  LSI_TRY(LSI_ALLOC("data set: names", count, &copy));
  ls_status status = LS_OK;
  for (; status == LS_OK && *n < (int)count; *n += status == LS_OK) {
    status = from[*n] && from[*n][0] ? lsi_strdup(from[*n], &copy[*n])
                                     : lsi_error_set(LS_ERR_ARG, NULL, "data set: name %d of the list is empty", *n + 1);
  }
  if (status != LS_OK) lsi_names_free(&copy, *n);
  else *names = copy;
  return status;
}

static bool is_pattern(const char *name) {
  return name && strpbrk(name, "*?[") && access(name, F_OK) != 0;
}

/* The names as given: the list, or the one path. */
static const char *const *given(const ls_hdf5_spec *spec, int *n) {
  *n = spec->n_paths > 0 ? spec->n_paths : 1;
  return spec->n_paths > 0 ? spec->paths : &spec->path;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names that grow one after the other, or by what a pattern finds. */
static ls_status append(char *const *more, size_t count, char ***names, int *n) {
  char **all, **copy;
  int n_copy;
  LSI_TRY(lsi_names_copy(more, count, &copy, &n_copy));
  ls_status status = LSI_ALLOC("data set: names", *n + n_copy, &all);
  if (status != LS_OK) {
    lsi_names_free(&copy, n_copy);
    return status;
  }
  if (*n) memcpy(all, *names, (size_t)*n * sizeof *all);
  memcpy(all + *n, copy, (size_t)n_copy * sizeof *all);
  lsi_free(*names);
  lsi_free(copy);
  *names = all;
  *n += n_copy;
  return LS_OK;
}

/* A folder that cannot be read may hold some: better none than fewer. */
static int on_unreadable(const char *folder, int error) {
  if (error == ENOENT || error == ENOTDIR) return 0;
  lsi_error_set(LS_ERR_IO, "check the folder's permissions", "%s: the folder cannot be read: %s", folder, strerror(error));
  return 1;
}

static ls_status append_matches(const char *pattern, char ***names, int *n) {
  glob_t found = {0};
  int code = glob(pattern, GLOB_NOSORT, on_unreadable, &found); /* it would sort by the locale */
  ls_status status = LS_OK;
  if (code == GLOB_NOMATCH)
    status = lsi_error_set(LS_ERR_NOT_FOUND, "check the pattern; relative paths start at the working directory", "%s: no file matches", pattern);
  else if (code == GLOB_NOSPACE) status = lsi_error_set(LS_ERR_MEMORY, NULL, "%s: no memory for the names", pattern);
  else if (code != 0) status = ls_last_error()->status;
  if (status == LS_OK) {
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_bytes);
    status = append(found.gl_pathv, found.gl_pathc, names, n);
  }
  globfree(&found);
  return status;
}

ls_status lsi_names_expand(const ls_hdf5_spec *spec, char ***names, int *n) {
  int n_given;
  const char *const *list = given(spec, &n_given);
  char **all = NULL;
  int count = 0;
  ls_status status = LS_OK;
  LSI_CHECK(spec->n_paths <= 0 || (spec->paths && !spec->path), LS_ERR_ARG, "give path, or paths and n_paths",
            "data set: both path and paths are given, or a count without a list");
  LSI_CHECK(spec->n_paths > 0 || (spec->path && spec->path[0]), LS_ERR_ARG, NULL, "data set: no path was given");
  for (int i = 0; i < n_given && status == LS_OK; i++)
    status = is_pattern(list[i]) ? append_matches(list[i], &all, &count) : append((char *const *)&list[i], 1, &all, &count);
  if (status != LS_OK) {
    lsi_names_free(&all, count);
    return status;
  }
  *names = all;
  *n = count;
  return LS_OK;
}

/* ---- all ranks ---- */

/* The names one after the other, each with its NUL. */
static ls_status pack(char *const *names, int n, char **block, uint64_t *size) {
  *size = 0;
  for (int i = 0; i < n; i++) *size += strlen(names[i]) + 1;
  LSI_TRY(LSI_ALLOC("data set: names", *size, block));
  char *to = *block;
  for (int i = 0; i < n; i++) to = stpcpy(to, names[i]) + 1;
  return LS_OK;
}

static bool has(char *const *names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

/* Are they the first rank's? Both lists are in the order of the patterns, and of bytes. */
static ls_status compare(const lsi_comm *comm, const char *block, int n_first, char *const *own, int n_own) {
  static const char *const advice = "every host needs all files of the data set, under the same path";
  const char *at = block, *host = lsi_host_of(comm, 0);
  int i = 0;
  for (; i < n_first && i < n_own && strcmp(at, own[i]) == 0; i++) at += strlen(at) + 1;
  if (i == n_first && i == n_own) return LS_OK;
  if (i < n_first && !has(own, n_own, at))
    LSI_FAIL(LS_ERR_NOT_SAME, advice, "%s: rank 0 on host %s sees this file of the data set, this rank does not", at, host);
  LSI_FAIL(LS_ERR_NOT_SAME, advice, "%s: this rank sees this file of the data set, rank 0 on host %s does not", own[i < n_own ? i : n_own - 1], host);
}

/* The first rank's names, which the others compare with what they have found. */
static ls_status check_found(const lsi_comm *comm, char *const *names, int n) {
  uint64_t size[2] = {0};
  char *block = NULL;
  bool first = comm->rank == 0;
  ls_status status = lsi_agree(comm, first ? pack(names, n, &block, &size[0]) : LS_OK);
  size[1] = (uint64_t)n;
  if (status == LS_OK) status = lsi_bcast(comm, size, sizeof size);
  if (status == LS_OK) status = lsi_agree(comm, first ? LS_OK : LSI_ALLOC("data set: names", size[0], &block));
  if (status == LS_OK) status = lsi_bcast(comm, block, size[0]);
  if (status == LS_OK) status = lsi_agree(comm, first ? LS_OK : compare(comm, block, (int)size[1], names, n));
  lsi_free(block);
  return status;
}

ls_status lsi_names_expand_all(const lsi_comm *comm, const ls_hdf5_spec *spec, char ***names, int *n) {
  int32_t pattern = 0;
  char **found = NULL;
  int count = 0, n_given;
  const char *const *list = given(spec, &n_given);
  for (int i = 0; comm->rank == 0 && list && i < n_given; i++) pattern |= is_pattern(list[i]);
  LSI_TRY(lsi_bcast(comm, &pattern, sizeof pattern));
  ls_status status = lsi_agree(comm, lsi_names_expand(spec, &found, &count));
  if (status == LS_OK)
    status = pattern ? check_found(comm, found, count) : lsi_agree_same(comm, "the number of files of a data set", &count, sizeof count);
  if (status != LS_OK) {
    lsi_names_free(&found, count);
    return status;
  }
  *names = found;
  *n = count;
  return LS_OK;
}
