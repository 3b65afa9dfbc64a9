/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_OBJECT_VALUE_H
#define LSI_NN_OBJECT_VALUE_H
/* One argument's value from text: types, ranges, and what to say when they do not fit. For
 * object_parse.c. */
#include "nn/object.h"

enum { LSI_MAX_VALUE = 2048 }; /* longest text of one value, its NUL included */

/* Argument i of the object's class from `text` (trimmed; quotes, brackets and nested calls as in
 * lsi_object_parse). */
ls_status lsi_object_set_value(const lsi_family *family, lsi_object *object, int i,
                               const char *text);

/* Index of argument i among the class's arguments of the same type: its place in list[] or text[].
 */
int lsi_object_slot(const lsi_class_info *info, int i);
#endif
