/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_PORTABLE_H
#define LSI_CKPT_KERAS_PORTABLE_H
#include <jansson.h>
#include "base/status.h"

/* A config as one Keras 3 wrote it -> one that every Keras 3 takes: keys that older versions do not know are left out where they have the
   value that is their default anyway, and objects of one backend become Keras's own. */
ls_status lsi_keras_make_portable(json_t *config);
#endif
