/* SPDX-License-Identifier: MIT */
/* The parts of a config that all ranks do together: rank 0 looks at the file system, all use what
 * it saw. */
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/document.h"
#include "par/comm.h" /* the context's communicator, agreement and broadcast */

/* The lines of two texts that differ first; parallel.threads may, by host. False: none do. */
static bool first_difference(const char *a, const char *b, char line_a[80], char line_b[80]) {
  while (*a || *b) {
    int n_a = (int)strcspn(a, "\n"), n_b = (int)strcspn(b, "\n");
    const char *key_a = a + strspn(a, " "), *key_b = b + strspn(b, " ");
    bool free = strncmp(key_a, "threads:", 8) == 0 && strncmp(key_b, "threads:", 8) == 0;
    if (!free && (n_a != n_b || strncmp(a, b, (size_t)n_a) != 0)) {
      snprintf(line_a, 80, "%.*s", n_a - (int)(key_a - a), key_a);
      snprintf(line_b, 80, "%.*s", n_b - (int)(key_b - b), key_b);
      return true;
    }
    a += n_a + (a[n_a] == '\n');
    b += n_b + (b[n_b] == '\n');
  }
  return false;
}

/* This rank's own file and overrides must say what rank 0's do. A file that only rank 0 has is fine: all use rank 0's text. */
static ls_status compare_own(const char *path, const char *const *overrides, int n_overrides,
                             const ls_config *shared, const char *of_rank_0) {
  char *own = NULL, mine[80], others[80];
  ls_config *config = NULL;
  ls_status status = lsi_config_read_file(path, &own);
  if (status == LS_OK)
    status = lsi_config_from_text(path, own, overrides, n_overrides, &config);
  else
    lsi_error_clear();
  bool differs = first_difference(config ? config->text : shared->text, of_rank_0, mine, others);
  bool broken = own && !config;
  lsi_free(own);
  ls_config_destroy(&config);
  if (broken)
    return status;
  LSI_CHECK(!differs, LS_ERR_NOT_SAME, "give all ranks one config and the same --set",
            "%s: this rank has another config than rank 0: '%s' instead of '%s'", path, mine, others);
  return LS_OK;
}

/* Collective. */
static ls_status same_on_all(const lsi_comm *comm, const char *path, const char *const *overrides,
                             int n_overrides, const ls_config *config) {
  char *of_rank_0 = comm->rank == 0 ? (char *)config->text : NULL;
  LSI_TRY(lsi_bcast_text(comm, &of_rank_0));
  ls_status status = LS_OK;
  if (comm->rank != 0) {
    status = compare_own(path, overrides, n_overrides, config, of_rank_0);
    lsi_free(of_rank_0);
  }
  return lsi_agree(comm, status);
}

ls_status ls_config_read_all(ls_context *context, const char *path, const char *const *overrides,
                             int n_overrides, ls_config **out) {
  LSI_CHECK(context && path && out && (overrides || n_overrides == 0), LS_ERR_ARG, NULL,
            "ls_config_read_all: NULL argument");
  const lsi_comm *comm = lsi_context_comm(context);
  char *text = NULL;
  ls_config *config = NULL;
  ls_status status = comm->rank == 0 ? lsi_config_read_file(path, &text) : LS_OK;
  status = lsi_agree(comm, status);
  if (status == LS_OK)
    status = lsi_bcast_text(comm, &text);
  if (status == LS_OK) {
    status = lsi_config_from_text(path, text, overrides, n_overrides, &config);
    status = lsi_agree(comm, status);
  }
  if (status == LS_OK)
    status = same_on_all(comm, path, overrides, n_overrides, config);
  lsi_free(text);
  if (status != LS_OK) {
    ls_config_destroy(&config);
    return status;
  }
  *out = config;
  return LS_OK;
}

/* A file, or a pattern that some file matches. */
static bool is_there(const char *path) {
  glob_t found = {0};
  if (access(path, F_OK) == 0)
    return true;
  bool match = strpbrk(path, "*?[") && glob(path, GLOB_NOSORT, NULL, &found) == 0;
  globfree(&found);
  return match;
}

/* From the working folder, else from the config's. */
static ls_status find_file(const ls_config *config, const char *key_path, const char *name,
                           char path[LSI_FILE_PATH]) {
  snprintf(path, LSI_FILE_PATH, "%s", name);
  if (is_there(path) || name[0] == '/')
    return LS_OK;
  snprintf(path, LSI_FILE_PATH, "%s%s", config->folder, name);
  if (is_there(path))
    return LS_OK;
  char also[1024] = "";
  if (config->folder[0])
    snprintf(also, sizeof also, " or %.900s", config->folder);
  bool data = strncmp(key_path, "data.", strlen("data.")) == 0;
  lsi_config_fail(config, key_path,
                  data ? "./scripts/quickstart makes the data of the ready-made configs; `lockstep "
                         "convert` makes such files "
                         "from IDX, CSV or NPY"
                       : NULL,
                  "no file %s'%s' in the working folder%s", strpbrk(name, "*?[") ? "matches " : "", name, also);
  ls_error error = *ls_last_error();
  error.status = LS_ERR_NOT_FOUND;
  lsi_error_copy(&error);
  return LS_ERR_NOT_FOUND;
}

ls_status lsi_find_file_all(ls_context *context, const ls_config *config, const char *key_path,
                            const char *name, char path[LSI_FILE_PATH]) {
  const lsi_comm *comm = lsi_context_comm(context);
  LSI_TRY(lsi_agree(comm, comm->rank == 0 ? find_file(config, key_path, name, path) : LS_OK));
  return lsi_bcast(comm, path, LSI_FILE_PATH);
}

/* ---- data ---- */

static void free_paths(char **paths, int n) {
  for (int i = 0; paths && i < n; i++)
    lsi_free(paths[i]);
  lsi_free(paths);
}

/* The files of one set, each where it was found. */
static ls_status find_files(ls_context *context, const ls_config *config, const char *key_path,
                            char *const *names, int n, char ***out) {
  const lsi_comm *comm = lsi_context_comm(context);
  char **paths = NULL;
  ls_status status = lsi_agree(comm, LSI_ALLOC("data files", n, &paths));
  for (int i = 0; i < n && status == LS_OK; i++) {
    char path[LSI_FILE_PATH] = "";
    status = lsi_find_file_all(context, config, key_path, names[i], path);
    if (status == LS_OK)
      status = lsi_agree(comm, lsi_strdup(path, &paths[i]));
  }
  if (status != LS_OK)
    free_paths(paths, n);
  else
    *out = paths;
  return status;
}

static ls_status open_one(ls_context *context, const ls_config *config, const char *key,
                          ls_dataset **out) {
  lsi_values data = lsi_get_map(config->values, "data");
  int n;
  char *const *names = lsi_get_list(data, key, &n);
  char key_path[LSI_TREE_PATH], **paths;
  if (!names)
    return LS_OK;
  snprintf(key_path, sizeof key_path, "data.%s", key);
  LSI_TRY(find_files(context, config, key_path, names, n, &paths));
  const char *weight = lsi_get_text(data, "sample_weight");
  bool usual = strcmp(weight, lsi_map_find(data.map, "sample_weight")->fallback) ==
               0; /* then it may be absent */
  ls_hdf5_spec spec = {.paths = (const char *const *)paths,
                       .n_paths = n,
                       .x = lsi_get_text(data, "x"),
                       .y = lsi_get_text(data, "y"),
                       .sample_weight = usual ? NULL : weight,
                       .load = lsi_get_bool(data, "in_memory"),
                       .memory_limit = lsi_get_int(data, "memory_limit_mib") << 20};
  ls_status status = ls_dataset_open(context, &spec, out);
  free_paths(paths, n);
  if (status != LS_OK)
    lsi_config_prefix(config, key_path);
  return status;
}

ls_status ls_config_open_data(ls_context *context, const ls_config *config, ls_dataset **train,
                              ls_dataset **validation, ls_dataset **test) {
  LSI_CHECK(context && config && train && validation && test, LS_ERR_ARG, NULL,
            "ls_config_open_data: NULL argument");
  static const char *const keys[] = {"train", "validation", "test"};
  ls_dataset *sets[3] = {NULL, NULL, NULL};
  ls_status status = LS_OK;
  if (!lsi_is_given(lsi_get_map(config->values, "data"), "train"))
    return lsi_config_fail(config, "data",
                           "add data: {train: FILE.h5}; `lockstep convert` makes such files",
                           "'train' is missing");
  for (int i = 0; i < 3 && status == LS_OK; i++)
    status = open_one(context, config, keys[i], &sets[i]);
  if (status != LS_OK) {
    for (int i = 2; i >= 0; i--)
      ls_dataset_destroy(&sets[i]);
    return status;
  }
  *train = sets[0];
  *validation = sets[1];
  *test = sets[2];
  return LS_OK;
}
