/* SPDX-License-Identifier: MIT */
/* Reading attributes: numbers, texts of fixed and variable length, and Keras's lists of names. */
#include "store/h5.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "store/h5_error.h"

enum { MAX_TEXT_BYTES = 64 << 20, MAX_STRINGS = 1 << 20 };

typedef struct attribute {
  const char *object, *name;
  hid_t id, type, space;
  int64_t count;
} attribute;

static void close_attribute(attribute *a) {
  if (a->space >= 0) H5Sclose(a->space);
  if (a->type >= 0) H5Tclose(a->type);
  if (a->id >= 0) H5Aclose(a->id);
}

static ls_status describe_attribute(attribute *a) {
  a->type = H5Aget_type(a->id);
  a->space = H5Aget_space(a->id);
  LSI_CHECK(a->type >= 0 && a->space >= 0, LS_ERR_CORRUPT, NULL,
            "attribute '%s' of '%s' cannot be described (%s)", a->name, a->object, lsi_h5_reason());
  hssize_t count = H5Sget_simple_extent_npoints(a->space);
  LSI_CHECK(count >= 0 && count <= MAX_STRINGS && H5Aget_storage_size(a->id) <= MAX_TEXT_BYTES,
            LS_ERR_CORRUPT, NULL, "attribute '%s' of '%s' claims %lld values", a->name, a->object,
            (long long)count);
  a->count = count;
  return LS_OK;
}

/* On failure nothing is open. */
static ls_status open_attribute(hid_t loc, const char *object, const char *name, attribute *a) {
  *a = (attribute){.object = object, .name = name, .id = -1, .type = -1, .space = -1};
  LSI_CHECK(lsi_h5_has_attr(loc, object, name), LS_ERR_NOT_FOUND, NULL,
            "there is no attribute '%s' of '%s'", name, object);
  a->id = H5Aopen_by_name(loc, object, name, H5P_DEFAULT, H5P_DEFAULT);
  LSI_CHECK(a->id >= 0, LS_ERR_CORRUPT, NULL, "attribute '%s' of '%s' cannot be opened (%s)", name,
            object, lsi_h5_reason());
  ls_status status = describe_attribute(a);
  if (status != LS_OK) close_attribute(a);
  return status;
}

static ls_status read_failed(const attribute *a) {
  LSI_FAIL(LS_ERR_CORRUPT, NULL, "attribute '%s' of '%s' cannot be read (%s)", a->name, a->object,
           lsi_h5_reason());
}

/* ---- numbers ---- */

static ls_status read_number(hid_t loc, const char *object, const char *name, bool floats,
                             hid_t memory_type, void *out) {
  attribute a;
  LSI_TRY(open_attribute(loc, object, name, &a));
  H5T_class_t class = H5Tget_class(a.type);
  ls_status status = LS_OK;
  if (a.count != 1 || !(class == H5T_INTEGER || (floats && class == H5T_FLOAT)) ||
      H5Tget_size(a.type) > 8)
    status = lsi_error_set(LS_ERR_FORMAT, NULL, "attribute '%s' of '%s' is not one %s", name,
                           object, floats ? "number" : "integer");
  else if (H5Aread(a.id, memory_type, out) < 0) status = read_failed(&a);
  close_attribute(&a);
  return status;
}

ls_status lsi_h5_attr_double(hid_t loc, const char *object, const char *attr, double *out) {
  double value;
  LSI_TRY(read_number(loc, object, attr, true, H5T_NATIVE_DOUBLE, &value));
  *out = value;
  return LS_OK;
}

ls_status lsi_h5_attr_i64(hid_t loc, const char *object, const char *attr, int64_t *out) {
  int64_t value;
  LSI_TRY(read_number(loc, object, attr, false, H5T_NATIVE_INT64, &value));
  *out = value;
  return LS_OK;
}

/* ---- texts ---- */

/* [char *strings[n]] [the characters], one block */
static ls_status make_block(size_t n, size_t characters, char ***out) {
  size_t pointers;
  LSI_CHECK(lsi_mul_size(n, sizeof(char *), &pointers), LS_ERR_MEMORY, NULL, "too many strings");
  return lsi_alloc("strings of an HDF5 attribute", pointers + characters + 1, 1, out);
}

static ls_status copy_strings(const attribute *a, char *const *values, size_t stride_or_0,
                              const char *fixed, char ***out) {
  size_t n = (size_t)a->count, total = 0;
  for (size_t i = 0; i < n; i++) {
    const char *text = stride_or_0 ? fixed + i * stride_or_0 : values[i];
    total += (text ? strlen(text) : 0) + 1;
    LSI_CHECK(total <= MAX_TEXT_BYTES, LS_ERR_UNSUPPORTED, NULL,
              "attribute '%s' of '%s' is longer than %d bytes", a->name, a->object,
              (int)MAX_TEXT_BYTES);
  }
  char **strings;
  LSI_TRY(make_block(n, total, &strings));
  char *next = (char *)(strings + n);
  for (size_t i = 0; i < n; i++) {
    const char *text = stride_or_0 ? fixed + i * stride_or_0 : values[i];
    size_t length = text ? strlen(text) : 0; /* an empty variable-length string may come as NULL */
    strings[i] = next;
    if (length) memcpy(next, text, length);
    next[length] = '\0';
    next += length + 1;
  }
  *out = strings;
  return LS_OK;
}

/* HDF5 refuses to convert between character sets, so the memory type takes the file's. */
static hid_t text_type(const attribute *a, size_t size) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  H5Tset_size(type, size);
  H5Tset_cset(type, H5Tget_cset(a->type));
  return type;
}

static ls_status read_variable(const attribute *a, char ***out) {
  char **values = NULL;
  hid_t type = text_type(a, H5T_VARIABLE);
  LSI_CHECK(type >= 0, LS_ERR_MEMORY, NULL, "HDF5: %s", lsi_h5_reason());
  ls_status status =
      lsi_alloc("strings of an HDF5 attribute", (size_t)a->count, sizeof *values, &values);
  if (status != LS_OK) goto close_type;
  if (H5Aread(a->id, type, values) < 0) {
    status = read_failed(a);
  } else {
    status = copy_strings(a, values, 0, NULL, out);
    H5Dvlen_reclaim(type, a->space, H5P_DEFAULT, values);
  }
  lsi_free(values);
close_type:
  H5Tclose(type);
  return status;
}

static ls_status read_fixed(const attribute *a, char ***out) {
  size_t size = H5Tget_size(a->type) + 1, total; /* NULLPAD text may fill its field */
  LSI_CHECK(lsi_mul_size(size, (size_t)a->count, &total) && total <= MAX_TEXT_BYTES,
            LS_ERR_UNSUPPORTED, NULL, "attribute '%s' of '%s' is longer than %d bytes", a->name,
            a->object, (int)MAX_TEXT_BYTES);
  hid_t type = text_type(a, size);
  LSI_CHECK(type >= 0, LS_ERR_MEMORY, NULL, "HDF5: %s", lsi_h5_reason());
  char *fixed = NULL;
  ls_status status = lsi_alloc("strings of an HDF5 attribute", total, 1, &fixed);
  if (status == LS_OK && H5Aread(a->id, type, fixed) < 0) status = read_failed(a);
  for (int64_t i = 0; status == LS_OK && i < a->count; i++)
    fixed[(size_t)i * size + size - 1] = '\0';
  if (status == LS_OK) status = copy_strings(a, NULL, size, fixed, out);
  lsi_free(fixed);
  H5Tclose(type);
  return status;
}

static ls_status read_strings(const attribute *a, char ***out) {
  if (a->count == 0 || H5Tget_class(a->type) != H5T_STRING) return make_block(0, 0, out);
  return H5Tis_variable_str(a->type) > 0 ? read_variable(a, out) : read_fixed(a, out);
}

ls_status lsi_h5_attr_string(hid_t loc, const char *object, const char *attr, char **out) {
  attribute a;
  LSI_TRY(open_attribute(loc, object, attr, &a));
  char **strings = NULL;
  ls_status status;
  if (a.count != 1 || H5Tget_class(a.type) != H5T_STRING)
    status =
        lsi_error_set(LS_ERR_FORMAT, NULL, "attribute '%s' of '%s' is not one text", attr, object);
  else status = read_strings(&a, &strings);
  close_attribute(&a);
  LSI_TRY(status);
  status = lsi_strdup(strings[0], out);
  lsi_free(strings);
  return status;
}

/* One attribute as a list; anything that is not text is Keras's empty list (stored as floats). */
static ls_status read_list(hid_t loc, const char *object, const char *name, char ***out,
                           size_t *n) {
  attribute a;
  LSI_TRY(open_attribute(loc, object, name, &a));
  bool text = H5Tget_class(a.type) == H5T_STRING;
  ls_status status = LS_OK;
  if (!text && a.count > 0)
    status = lsi_error_set(LS_ERR_FORMAT, NULL, "attribute '%s' of '%s' is not a list of texts",
                           name, object);
  else status = read_strings(&a, out);
  if (status == LS_OK) *n = text ? (size_t)a.count : 0;
  close_attribute(&a);
  return status;
}

/* Takes both blocks; the result replaces *all. */
static ls_status append_list(char ***all, size_t *n_all, char **part, size_t n_part) {
  size_t total = 0, n = *n_all + n_part;
  for (size_t i = 0; i < n; i++) total += strlen(i < *n_all ? (*all)[i] : part[i - *n_all]) + 1;
  char **joined = NULL;
  ls_status status =
      n <= MAX_STRINGS && total <= MAX_TEXT_BYTES
          ? make_block(n, total, &joined)
          : lsi_error_set(LS_ERR_UNSUPPORTED, NULL, "a list of %zu names is too long", n);
  if (status == LS_OK) {
    char *next = (char *)(joined + n);
    for (size_t i = 0; i < n; i++) {
      joined[i] = next;
      next = stpcpy(next, i < *n_all ? (*all)[i] : part[i - *n_all]) + 1;
    }
    lsi_free(*all);
    *all = joined;
    *n_all = n;
  }
  lsi_free(part);
  return status;
}

ls_status lsi_h5_attr_strings(hid_t loc, const char *object, const char *attr, char ***out,
                              size_t *n) {
  if (lsi_h5_has_attr(loc, object, attr)) return read_list(loc, object, attr, out, n);
  char name[256];
  snprintf(name, sizeof name, "%s0", attr);
  LSI_CHECK(lsi_h5_has_attr(loc, object, name), LS_ERR_NOT_FOUND, NULL,
            "there is no attribute '%s' of '%s'", attr, object);
  char **all = NULL;
  size_t n_all = 0;
  LSI_TRY(make_block(0, 0, &all));
  for (int i = 0; i < MAX_STRINGS; i++) {
    char **part;
    size_t n_part;
    snprintf(name, sizeof name, "%s%d", attr, i);
    if (!lsi_h5_has_attr(loc, object, name)) break;
    ls_status status = read_list(loc, object, name, &part, &n_part);
    if (status == LS_OK) status = append_list(&all, &n_all, part, n_part);
    if (status != LS_OK) {
      lsi_free(all);
      return status;
    }
  }
  *out = all;
  *n = n_all;
  return LS_OK;
}
