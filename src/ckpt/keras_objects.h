/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_OBJECTS_H
#define LSI_CKPT_KERAS_OBJECTS_H
/*
 * Objects with arguments as Keras's JSON has them: {"class_name": C, "config": {argument: value}}, by walking
 * the class tables of nn/object.h. Writers return a new reference, or NULL when memory is short or a number is not finite.
 */
#include <jansson.h>
#include "nn/object.h"

/* info NULL: null. `skip_none`: arguments that are None are left out (optimizers), else they are null. */
json_t *lsi_keras_object_write(const lsi_object *object, bool skip_none);

/*
 * Back: a name, or an object whose class is found by class_name alone (Keras 2 and 3, with or without module). null: info NULL.
 * An argument the class does not have is refused by name, unless it is null, false or 0 (switched off) or has no effect here.
 */
ls_status lsi_keras_object_read(const lsi_family *family, const json_t *json, lsi_object *out);

/* A class of the user's own may have the name of one of Keras's: refused by its module or registered name. */
ls_status lsi_keras_check_origin(const json_t *json);

/* May the unknown `key` be ignored with this value? */
bool lsi_keras_is_off(const json_t *value);

/* Parse a JSON text of at most 64 MiB and 64 levels. `what` is for messages. */
ls_status lsi_keras_json_parse(const char *what, const char *text, json_t **out);
/* Takes the reference; NULL is LS_ERR_MEMORY. malloc'd text (lsi_free). */
ls_status lsi_keras_json_print(const char *what, json_t *json, char **text);
/* At most `size` characters of a value, for messages. */
void lsi_keras_json_sample(const json_t *value, char *text, size_t size);
#endif
