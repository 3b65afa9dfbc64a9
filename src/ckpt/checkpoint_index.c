/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests are over little-endian bytes");

static const char first_line[] = "lockstep checkpoint 2";
static const char *const type_names[] = {"f32", "f64", "i64"}; /* in the order of lsi_ckpt_type */
enum { N_TYPES = 3, MAX_RANK = 4, MAX_ITEMS = 1 << 20 };

size_t lsi_ckpt_type_bytes(lsi_ckpt_type type) {
  return type == LSI_CKPT_F32 ? 4 : 8;
}

size_t lsi_ckpt_array_bytes(const lsi_ckpt_array *array) {
  size_t n = lsi_ckpt_type_bytes(array->type);
  for (int i = 0; i < array->rank; i++)
    n *= array->dims[i];
  return n;
}

void lsi_ckpt_describe(lsi_ckpt_type type, int rank, const uint64_t *dims, char text[120]) {
  int n = snprintf(text, 120, "%s [", type_names[type]);
  for (int i = 0; i < rank; i++)
    n += snprintf(text + n, 120 - (size_t)n, "%s%llu", i ? ", " : "", (unsigned long long)dims[i]);
  snprintf(text + n, 120 - (size_t)n, "]");
}

/* Components of printable characters with single slashes between them, none of them "." or "..":
   nothing that HDF5 would resolve in another way, or that would break a line of the index. */
static bool name_is_plain(const char *name) {
  size_t length = 0;
  for (const char *c = name;; c++) {
    if (*c != '/' && *c != '\0') {
      if ((unsigned char)*c < ' ' || *c == 0x7f)
        return false;
      length++;
      continue;
    }
    bool dots = (length == 1 && c[-1] == '.') || (length == 2 && c[-1] == '.' && c[-2] == '.');
    if (length == 0 || dots)
      return false;
    if (*c == '\0')
      return true;
    length = 0;
  }
}

static ls_status check_names(const char *const *names, int n) {
  for (int i = 0; i < n; i++) {
    LSI_CHECK(name_is_plain(names[i]), LS_ERR_ARG, NULL, "checkpoint: \"%s\" is no usable name",
              names[i]);
    for (int j = 0; j < i; j++)
      LSI_CHECK(strcmp(names[i], names[j]) != 0, LS_ERR_ARG, NULL,
                "checkpoint: two entries are named \"%s\"", names[i]);
  }
  return LS_OK;
}

ls_status lsi_ckpt_index_check(const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts,
                               int n_texts) {
  const char **names = NULL;
  LSI_TRY(LSI_ALLOC("checkpoint names", n_arrays > n_texts ? n_arrays : n_texts, &names));
  for (int i = 0; i < n_arrays; i++)
    names[i] = arrays[i].name;
  ls_status status = check_names(names, n_arrays);
  for (int i = 0; i < n_texts; i++)
    names[i] = texts[i].name;
  if (status == LS_OK)
    status = check_names(names, n_texts);
  lsi_free(names);
  for (int i = 0; status == LS_OK && i < n_arrays; i++)
    if (arrays[i].rank < 0 || arrays[i].rank > MAX_RANK)
      status =
          lsi_error_set(LS_ERR_ARG, NULL, "checkpoint: \"%s\" has %d dimensions, at most %d fit",
                        arrays[i].name, arrays[i].rank, MAX_RANK);
  return status;
}

/* Stands where a digest will be. */
static const char unknown[] = " ????????????????????????????????";

static void print_items(FILE *out, const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts, int n_texts,
                        const lsi_ckpt_item *items) {
  for (int i = 0; i < n_arrays; i++) {
    fprintf(out, "array %s %d", type_names[arrays[i].type], arrays[i].rank);
    for (int d = 0; d < arrays[i].rank; d++)
      fprintf(out, " %llu", (unsigned long long)arrays[i].dims[d]);
    fprintf(out, " %llu%s %s\n", (unsigned long long)items[i].offset, unknown, arrays[i].name);
  }
  for (int i = 0; i < n_texts; i++) {
    const lsi_ckpt_item *item = &items[n_arrays + i];
    fprintf(out, "text %llu %llu%s %s\n", (unsigned long long)item->n_bytes, (unsigned long long)item->offset, unknown,
            texts[i].name);
  }
}

ls_status lsi_ckpt_index_format(int64_t iteration, const lsi_ckpt_array *arrays, int n_arrays, const lsi_ckpt_text *texts,
                                int n_texts, const lsi_ckpt_layout *layout, char **index) {
  char *text = NULL;
  size_t n_bytes = 0;
  FILE *out = open_memstream(&text, &n_bytes);
  LSI_CHECK(out, LS_ERR_MEMORY, NULL, "checkpoint index: %s", strerror(errno));
  fprintf(out, "%s\niteration %lld\n", first_line, (long long)iteration);
  print_items(out, arrays, n_arrays, texts, n_texts, layout->items);
  bool bad = ferror(out) != 0;
  if (fclose(out) != 0 || bad) {
    free(text);
    LSI_FAIL(LS_ERR_MEMORY, NULL, "checkpoint index: cannot allocate");
  }
  *index = text;
  return LS_OK;
}

void lsi_ckpt_index_fill(char **cursor, const char hex[LSI_DIGEST_HEX]) {
  char *place = strstr(*cursor, unknown); /* before the item's name, which may hold anything */
  memcpy(place + 1, hex, LSI_DIGEST_HEX - 1);
  *cursor = strchr(place, '\n') + 1;
}

/* ---- parsing ---- */
/* The text up to `stop`, cut off there; NULL when there is no `stop` (the cursor stays). */
static char *cut(char **cursor, char stop) {
  char *begin = *cursor, *end = strchr(begin, stop);
  if (!end)
    return NULL;
  *end = '\0';
  *cursor = end + 1;
  return begin;
}

static bool parse_number(const char *word, uint64_t limit, uint64_t *out) {
  if (!word || word[0] < '0' || word[0] > '9' || strlen(word) > 19)
    return false;
  char *end;
  *out = strtoull(word, &end, 10);
  return *end == '\0' && *out <= limit;
}

static bool parse_digest_and_name(char *line, const char **digest, const char **name) {
  *digest = cut(&line, ' ');
  *name = line;
  return *digest && strlen(*digest) == LSI_DIGEST_HEX - 1 && name_is_plain(line);
}

static bool parse_array(char *line, lsi_checkpoint *checkpoint) {
  lsi_ckpt_array *array = &checkpoint->arrays[checkpoint->n_arrays];
  const char *type = cut(&line, ' ');
  uint64_t rank, bytes = 8;
  int t = 0;
  while (type && t < N_TYPES && strcmp(type, type_names[t]) != 0)
    t++;
  if (!type || t == N_TYPES || !parse_number(cut(&line, ' '), MAX_RANK, &rank))
    return false;
  array->type = (lsi_ckpt_type)t;
  array->rank = (int)rank;
  for (int i = 0; i < array->rank; i++)
    if (!parse_number(cut(&line, ' '), INT64_MAX, &array->dims[i]) ||
        !lsi_mul_size(bytes, array->dims[i], &bytes))
      return false;
  if (!parse_number(cut(&line, ' '), INT64_MAX, &checkpoint->array_offsets[checkpoint->n_arrays]))
    return false;
  return parse_digest_and_name(line, &checkpoint->array_digests[checkpoint->n_arrays++],
                               &array->name);
}

static bool parse_text(char *line, lsi_checkpoint *checkpoint) {
  int i = checkpoint->n_texts++;
  return parse_number(cut(&line, ' '), INT64_MAX / 2, &checkpoint->text_bytes[i]) &&
         parse_number(cut(&line, ' '), INT64_MAX, &checkpoint->text_offsets[i]) &&
         parse_digest_and_name(line, &checkpoint->text_digests[i], &checkpoint->texts[i].name);
}

static bool parse_lines(char *cursor, lsi_checkpoint *checkpoint) {
  char *line = cut(&cursor, '\n');
  const char *word = line ? cut(&line, ' ') : NULL;
  uint64_t iteration;
  if (!word || strcmp(word, "iteration") != 0 || !parse_number(line, INT64_MAX, &iteration))
    return false;
  checkpoint->iteration = (int64_t)iteration;
  while ((line = cut(&cursor, '\n'))) {
    word = cut(&line, ' ');
    bool ok = word && strcmp(word, "array") == 0  ? parse_array(line, checkpoint)
              : word && strcmp(word, "text") == 0 ? parse_text(line, checkpoint)
                                                  : false;
    if (!ok)
      return false;
  }
  return *cursor == '\0';
}

static ls_status allocate(const char *path, const char *index, lsi_checkpoint *checkpoint) {
  size_t n_lines = 0;
  for (const char *c = index; *c; c++)
    n_lines += *c == '\n';
  LSI_CHECK(n_lines <= MAX_ITEMS, LS_ERR_CORRUPT, NULL, "%s: %zu entries are too many", path,
            n_lines);
  LSI_TRY(lsi_strdup(path, &checkpoint->path));
  LSI_TRY(lsi_strdup(index, &checkpoint->index));
  LSI_TRY(lsi_strdup(index, &checkpoint->words));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->arrays));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->texts));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->array_digests));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->text_digests));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->array_offsets));
  LSI_TRY(LSI_ALLOC("checkpoint", n_lines, &checkpoint->text_offsets));
  return LSI_ALLOC("checkpoint", n_lines, &checkpoint->text_bytes);
}

static ls_status parse(const char *path, lsi_checkpoint *checkpoint) {
  char *cursor = checkpoint->words;
  const char *line = cut(&cursor, '\n');
  static const char family[] = "lockstep checkpoint ";
  LSI_CHECK(line && strncmp(line, family, sizeof family - 1) == 0, LS_ERR_CORRUPT, NULL,
            "%s: the index has no first line", path);
  LSI_CHECK(strcmp(line, first_line) == 0, LS_ERR_UNSUPPORTED,
            "use the version of lockstep that wrote it, or a newer one",
            "%s: checkpoint version \"%.20s\", this program reads \"%s\"", path,
            line + sizeof family - 1, first_line + sizeof family - 1);
  LSI_CHECK(parse_lines(cursor, checkpoint), LS_ERR_CORRUPT, NULL,
            "%s: the index is damaged after %d arrays and %d texts", path, checkpoint->n_arrays,
            checkpoint->n_texts);
  return LS_OK;
}

ls_status lsi_ckpt_index_parse(const char *path, const char *index, lsi_checkpoint **out) {
  lsi_checkpoint *checkpoint = NULL;
  LSI_TRY(LSI_ALLOC("checkpoint", 1, &checkpoint));
  ls_status status = allocate(path, index, checkpoint);
  if (status == LS_OK)
    status = parse(path, checkpoint);
  if (status != LS_OK) {
    lsi_checkpoint_destroy(&checkpoint);
    return status;
  }
  *out = checkpoint;
  return LS_OK;
}
