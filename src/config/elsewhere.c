/* SPDX-License-Identifier: MIT */
/* Keys that Keras's users look for and that stand elsewhere here, or under another name. */
#include <stdio.h>
#include <string.h>

#include "config/schema.h"

static const struct {
  const char *name, *advice;
} renamed[] = {
    {"lr", "it is called learning_rate"},
    {"decay", "give a schedule, such as learning_rate: 'InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.01)'"},
    {"input_dim", "write input_shape: [columns]"},
    {"batch_shape", "write the shape of one sample, without the batch dimension"},
    {"batch_input_shape", "write input_shape, of one sample, without the batch dimension"},
    {"dtype", "leave it out: everything is float32"},
    {"validation_data", "name its file in data.validation"},
    {"sample_weight", "the file of the data holds them: dataset sample_weight, or another that data.sample_weight names"},
};

/* "compile.loss" for loss, or for a section in the wrong place its own name; false when no section has it. */
static bool find_section(const char *name, char *path, size_t size) {
  if (lsi_map_find(&lsi_schema, name))
    return snprintf(path, size, "%s, a section of its own", name) > 0;
  for (int i = 0; i < lsi_schema.n; i++) {
    const lsi_key *section = &lsi_schema.keys[i];
    if (section->type == LSI_KEY_MAP && lsi_map_find(section->map, name))
      return snprintf(path, size, "%s.%s", section->name, name) > 0;
  }
  return snprintf(path, size, "compile.optimizer.%s", name) > 0 &&
         lsi_map_find(lsi_schema_find("compile.optimizer")->map, name);
}

bool lsi_schema_elsewhere(const char *name, char *advice, size_t size) {
  for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
    if (strcmp(renamed[i].name, name) == 0)
      return snprintf(advice, size, "%s", renamed[i].advice) > 0;
  char path[160];
  return find_section(name, path, sizeof path) && snprintf(advice, size, "it belongs to %s", path) > 0;
}
