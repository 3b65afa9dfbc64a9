/* SPDX-License-Identifier: MIT */
/*
 * Any text as a config: an error or a config, never a crash; and a config that was accepted
 * resolves to a text that resolves to itself. The first line, when it begins with "--set ", is an
 * override.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_resolved(const ls_config *config) {
  ls_config *again = NULL;
  if (lsi_config_from_text("resolved", ls_config_text(config), NULL, 0, &again) != LS_OK ||
      strcmp(ls_config_text(config), ls_config_text(again)) != 0) {
    fprintf(stderr, "the resolved config does not resolve to itself: %s\n%s",
            ls_last_error()->message, ls_config_text(config));
    abort();
  }
  ls_config_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 1 << 16 || memchr(data, 0, size))
    return 0; /* files with NUL are refused before */
  char *text = malloc(size + 1), *body = text;
  if (!text)
    return 0;
  memcpy(text, data, size);
  text[size] = 0;
  const char *override = NULL;
  if (strncmp(text, "--set ", 6) == 0) {
    override = text + 6;
    body = text + strcspn(text, "\n");
    if (*body)
      *body++ = 0;
  }
  ls_config *config = NULL;
  if (lsi_config_from_text("fuzz", body, &override, override != NULL, &config) == LS_OK) {
    check_resolved(config);
    ls_fit_spec fit;
    ls_context_spec context;
    ls_config_fit_spec(config, &fit);
    ls_config_context_spec(config, &context);
  }
  ls_config_destroy(&config);
  free(text);
  return 0;
}
