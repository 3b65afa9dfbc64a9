/* SPDX-License-Identifier: MIT */
/* reseal CERTIFICATE: what a forger would do after a change, so that only recomputing can tell. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

int main(int argc, char **argv) {
  char hex[LSI_DIGEST_HEX];
  json_t *root = argc == 2 ? json_load_file(argv[1], 0, NULL) : NULL;
  if (!root || json_object_del(root, "seal") != 0) return 2;
  char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
  if (!text) return 2;
  lsi_hash_bytes(text, strlen(text), hex);
  json_object_set_new(root, "seal", json_string(hex));
  free(text);
  int code = json_dump_file(root, argv[1], JSON_INDENT(1));
  json_decref(root);
  return code != 0;
}
