/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "config/document.h"

enum { MAX_BYTES = 1 << 20 };

void ls_config_destroy(ls_config **pointer) {
  ls_config *config = pointer ? *pointer : NULL;
  if (!config)
    return;
  lsi_config_unload(config);
  lsi_tree_free(config->root);
  for (int i = 0; i < config->n_overrides; i++)
    lsi_free(config->overrides[i]);
  for (int i = 0; i < config->n_callbacks; i++)
    lsi_free(config->callbacks[i]);
  lsi_free(config->overrides);
  lsi_free(config->callbacks);
  lsi_free(config->text);
  lsi_free(config->folder);
  lsi_free(config->path);
  lsi_free(config);
  *pointer = NULL;
}

const char *ls_config_text(const ls_config *config) {
  return config ? config->text : NULL;
}

/* ---- the file ---- */

static ls_status open_error(const char *path) {
  int code = errno;
  ls_status status = code == ENOENT ? LS_ERR_NOT_FOUND : LS_ERR_IO;
  LSI_FAIL(status,
           code == ENOENT
               ? "ready-made configs are in configs/, for example configs/fashion_mnist.yaml"
               : NULL,
           "%s: cannot read the config: %s", path, strerror(code));
}

static ls_status read_stream(const char *path, FILE *file, char *buffer, size_t *length) {
  *length = fread(buffer, 1, MAX_BYTES + 1, file);
  LSI_CHECK(!ferror(file), LS_ERR_IO, NULL, "%s: cannot read the config: %s", path,
            strerror(errno));
  LSI_CHECK(*length <= MAX_BYTES, LS_ERR_CONFIG, "is this a config? They are short YAML texts",
            "%s: larger than 1 MiB", path);
  bool hdf5 = *length >= 8 && memcmp(buffer, "\x89HDF\r\n\x1a\n", 8) == 0;
  LSI_CHECK(!hdf5, LS_ERR_FORMAT,
            "give the YAML config; `lockstep inspect FILE` shows what an HDF5 file holds",
            "%s: is an HDF5 file, not a config", path);
  LSI_CHECK(!memchr(buffer, 0, *length), LS_ERR_FORMAT,
            "give the YAML config; ready-made ones are in configs/", "%s: is not a text file", path);
  buffer[*length] = 0;
  return LS_OK;
}

ls_status lsi_config_read_file(const char *path, char **text) {
  struct stat info;
  if (stat(path, &info) != 0)
    return open_error(path);
  LSI_CHECK(!S_ISDIR(info.st_mode), LS_ERR_CONFIG, "name a file in it",
            "%s: is a folder, not a config file", path);
  FILE *file = fopen(path, "rb");
  if (!file)
    return open_error(path);
  char *buffer;
  size_t length;
  ls_status status = lsi_alloc("config text", MAX_BYTES + 2, 1, &buffer);
  if (status == LS_OK)
    status = read_stream(path, file, buffer, &length);
  fclose(file);
  if (status != LS_OK) {
    lsi_free(buffer);
    return status;
  }
  *text = buffer;
  return LS_OK;
}

/* ---- text to config ---- */

static ls_status keep_names(ls_config *config, const char *path, const char *const *overrides,
                            int n) {
  LSI_TRY(lsi_strdup(path, &config->path));
  LSI_TRY(lsi_strdup(path, &config->folder));
  char *slash = strrchr(config->folder, '/');
  if (slash)
    slash[1] = 0;
  else
    config->folder[0] = 0;
  LSI_TRY(LSI_ALLOC("overrides", n, &config->overrides));
  for (; config->n_overrides < n; config->n_overrides++)
    LSI_TRY(lsi_strdup(overrides[config->n_overrides], &config->overrides[config->n_overrides]));
  return LS_OK;
}

/* callbacks: in call notation, once, so that the fit spec can borrow them. */
static ls_status keep_callbacks(ls_config *config) {
  int n;
  lsi_get_list(config->values, "callbacks", &n);
  LSI_TRY(LSI_ALLOC("callbacks", n, &config->callbacks));
  for (; config->n_callbacks < n; config->n_callbacks++) {
    char text[LSI_CALL_TEXT];
    const char *class_name;
    lsi_values values = lsi_get_item(config->values, "callbacks", config->n_callbacks, &class_name);
    LSI_TRY(lsi_call_text(class_name, values, NULL, text, sizeof text));
    LSI_TRY(lsi_strdup(text, &config->callbacks[config->n_callbacks]));
  }
  return LS_OK;
}

static ls_status fill(ls_config *config, const char *text) {
  LSI_TRY(lsi_tree_parse(config->path, text, strlen(text), 0, &config->root));
  LSI_CHECK(!lsi_node_is_null(config->root), LS_ERR_CONFIG,
            "start from a ready-made one in configs/", "%s: the config is empty", config->path);
  if (config->root->kind != LSI_NODE_MAP)
    return lsi_config_fail(config, "", "see configs/reference.yaml",
                           "expected sections such as model:, compile:, fit:");
  LSI_TRY(lsi_config_normalize(config));
  for (int i = 0; i < config->n_overrides; i++)
    LSI_TRY(lsi_config_override(config, i + 1));
  LSI_TRY(lsi_config_normalize(config));
  LSI_TRY(lsi_config_load(config));
  LSI_TRY(lsi_config_check(config));
  LSI_TRY(lsi_config_resolve(config, &config->text));
  return keep_callbacks(config);
}

ls_status lsi_config_from_text(const char *path, const char *text, const char *const *overrides,
                               int n_overrides, ls_config **out) {
  ls_config *config;
  LSI_TRY(LSI_ALLOC("config", 1, &config));
  ls_status status = keep_names(config, path, overrides, n_overrides);
  if (status == LS_OK)
    status = fill(config, text);
  if (status != LS_OK) {
    ls_config_destroy(&config);
    return status;
  }
  *out = config;
  return LS_OK;
}

ls_status ls_config_read(const char *path, const char *const *overrides, int n_overrides,
                         ls_config **out) {
  LSI_CHECK(path && out && (overrides || n_overrides == 0), LS_ERR_ARG, NULL,
            "ls_config_read: NULL argument");
  char *text;
  LSI_TRY(lsi_config_read_file(path, &text));
  ls_status status = lsi_config_from_text(path, text, overrides, n_overrides, out);
  lsi_free(text);
  return status;
}
