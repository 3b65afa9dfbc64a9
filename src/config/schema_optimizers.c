/* SPDX-License-Identifier: MIT */
/* Optimizers: each class has its own arguments and defaults; the union is what a config may name. */
#include <strings.h>

#include "config/schema.h"

#define KEY          LSI_KEY_ROW
#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define MAP(what, keys)                                                                            \
  { what, keys, COUNT(keys) }

#define NAME(class)                                                                                \
  KEY("name", TEXT, class, NULL,                                                                   \
      "SGD, RMSprop, Adagrad, Adam, AdamW, Adamax, Nadam, Adadelta, Ftrl, Lion, Lamb, Adafactor, ScheduleFreeAdamW or Muon")
#define RATE(value)                                                                                \
  KEY("learning_rate", RATE, value, "[0,inf)",                                                     \
      "a number, or a schedule such as CosineDecay(0.001, decay_steps=5000)")
#define MOMENTUM KEY("momentum", FLOAT, "0.0", "[0,1]", "SGD, RMSprop, Muon (0.95)")
#define NESTEROV KEY("nesterov", BOOL, "false", NULL, "SGD, Muon (true)")
#define RHO(value) KEY("rho", FLOAT, value, "[0,1)", "RMSprop, Adadelta (0.95)")
#define CENTERED KEY("centered", BOOL, "false", NULL, "RMSprop")
#define BETA_1(limits) KEY("beta_1", FLOAT, "0.9", limits, "Adam, AdamW, Adamax, Nadam, Lion, Lamb, ScheduleFreeAdamW")
#define BETA_2(value, limits)                                                                      \
  KEY("beta_2", FLOAT, value, limits, "Adam, AdamW, Adamax, Nadam, Lamb, ScheduleFreeAdamW, Lion (0.99)")
#define EPSILON_OF(value)                                                                          \
  KEY("epsilon", FLOAT, value, "(0,inf)",                                                          \
      "added to the denominator (all but SGD, Ftrl, Lion, Adafactor); ScheduleFreeAdamW's default is 1e-08")
#define EPSILON EPSILON_OF("1e-07")
#define WARMUP  KEY("warmup_steps", INT, "0", "[0,1e15]", "the rate rises to its full value in so many updates (ScheduleFreeAdamW)")
#define AMSGRAD     KEY("amsgrad", BOOL, "false", NULL, "Adam, AdamW")
#define ACCUMULATOR KEY("initial_accumulator_value", FLOAT, "0.1", "[0,inf)", "Adagrad, Ftrl")
#define FTRL_OWN                                                                                   \
  KEY("learning_rate_power", FLOAT, "-0.5", "(-inf,0]", "Ftrl"),                                   \
      KEY("l1_regularization_strength", FLOAT, "0.0", "[0,inf)", "Ftrl"),                          \
      KEY("l2_regularization_strength", FLOAT, "0.0", "[0,inf)", "Ftrl"),                          \
      KEY("l2_shrinkage_regularization_strength", FLOAT, "0.0", "[0,inf)", "Ftrl"),                \
      KEY("beta", FLOAT, "0.0", "[0,inf)", "Ftrl")
#define ADAFACTOR_OWN                                                                              \
  KEY("beta_2_decay", FLOAT, "-0.8", "(-inf,0]", "Adafactor"),                                     \
      KEY("epsilon_1", FLOAT, "1e-30", "(0,inf)", "added to the squares of gradients (Adafactor)"), \
      KEY("epsilon_2", FLOAT, "0.001", "[0,inf)", "least size of weights that a step is relative to (Adafactor)"), \
      KEY("clip_threshold", FLOAT, "1.0", "(0,inf)", "Adafactor"),                                 \
      KEY("relative_step", BOOL, "true", NULL, "Adafactor")
#define MUON_OWN                                                                                   \
  KEY("adam_beta_1", FLOAT, "0.9", "[0,1)", "of what is no matrix (Muon)"),                        \
      KEY("adam_beta_2", FLOAT, "0.999", "[0,1)", "the same"),                                     \
      KEY("adam_weight_decay", FLOAT, "0.004", "[0,inf)", "the same"),                             \
      KEY("adam_lr_ratio", FLOAT, "1.0", "[0,inf)", "the same: its rate over learning_rate"),      \
      KEY("exclude_embeddings", BOOL, "true", NULL, "layers named so take Adam's steps (Muon)"),   \
      KEY("ns_steps", INT, "5", "[0,1000]", "iterations that make a matrix orthogonal (Muon)"),    \
      KEY("muon_a", FLOAT, "3.4445", NULL, "their polynomial's coefficients"),                     \
      KEY("muon_b", FLOAT, "-4.775", NULL, "the same"), KEY("muon_c", FLOAT, "2.0315", NULL, "the same"), \
      KEY("rms_rate", FLOAT, "0.2", "[0,inf)", "a matrix's step is sqrt(its larger side) times this (Muon)")
#define DECAY(value)                                                                               \
  KEY("weight_decay", FLOAT, value, "[0,inf)", "decoupled weight decay; the default of AdamW and Muon is 0.004")
#define COMMON                                                                                     \
  KEY("clipnorm", FLOAT, NULL, "(0,inf)", "largest norm of one tensor's gradient"),                \
      KEY("clipvalue", FLOAT, NULL, "(0,inf)", "largest magnitude of a gradient's element"),       \
      KEY("global_clipnorm", FLOAT, NULL, "(0,inf)", "largest norm of the whole gradient"),        \
      KEY("use_ema", BOOL, "false", NULL,                                                          \
          "keep moving averages of the weights, which fit ends with"),                             \
      KEY("ema_momentum", FLOAT, "0.99", "[0,1]",                                                  \
          "average = ema_momentum * average + (1 - ema_momentum) * weights"),                      \
      KEY("ema_overwrite_frequency", INT, NULL, "[1,1e15]",                                        \
          "the weights become the averages every N updates"),                                      \
      KEY("loss_scale_factor", FLOAT, NULL, "(0,inf)",                                             \
          "kept for Keras; float32 gradients need no scale"),                                      \
      KEY("gradient_accumulation_steps", INT, NULL, "[2,1e9]",                                     \
          "update once every N batches, with the mean of their gradients")

static const lsi_key sgd_keys[] = {NAME("SGD"), RATE("0.01"), MOMENTUM, NESTEROV, DECAY(NULL), COMMON};
static const lsi_key rmsprop_keys[] = {NAME("RMSprop"), RATE("0.001"), RHO("0.9"), MOMENTUM, EPSILON, CENTERED, DECAY(NULL), COMMON};
static const lsi_key adagrad_keys[] = {NAME("Adagrad"), RATE("0.001"), ACCUMULATOR, EPSILON, DECAY(NULL), COMMON};
static const lsi_key adam_keys[] = {NAME("Adam"), RATE("0.001"), BETA_1("[0,1)"), BETA_2("0.999", "[0,1)"), EPSILON, AMSGRAD, DECAY(NULL), COMMON};
static const lsi_key adamw_keys[] = {NAME("AdamW"), RATE("0.001"), DECAY("0.004"), BETA_1("[0,1)"), BETA_2("0.999", "[0,1)"), EPSILON, AMSGRAD, COMMON};
static const lsi_key adamax_keys[] = {NAME("Adamax"), RATE("0.001"), BETA_1("[0,1)"), BETA_2("0.999", "[0,1)"), EPSILON, DECAY(NULL), COMMON};
static const lsi_key nadam_keys[] = {NAME("Nadam"), RATE("0.001"), BETA_1("[0,1)"), BETA_2("0.999", "[0,1)"), EPSILON, DECAY(NULL), COMMON};
static const lsi_key adadelta_keys[] = {NAME("Adadelta"), RATE("0.001"), RHO("0.95"), EPSILON, DECAY(NULL), COMMON};
static const lsi_key ftrl_keys[] = {NAME("Ftrl"), RATE("0.001"), ACCUMULATOR, FTRL_OWN, DECAY(NULL), COMMON};
static const lsi_key lion_keys[] = {NAME("Lion"), RATE("0.001"), BETA_1("(0,1]"), BETA_2("0.99", "[0,1]"), DECAY(NULL), COMMON};
static const lsi_key lamb_keys[] = {NAME("Lamb"), RATE("0.001"), BETA_1("[0,1)"), BETA_2("0.999", "[0,1)"), EPSILON, DECAY(NULL), COMMON};
static const lsi_key adafactor_keys[] = {NAME("Adafactor"), RATE("0.001"), ADAFACTOR_OWN, DECAY(NULL), COMMON};
static const lsi_key schedule_free_keys[] = {NAME("ScheduleFreeAdamW"), RATE("0.0025"), BETA_1("(0,1]"), BETA_2("0.999", "[0,1)"), EPSILON_OF("1e-08"), WARMUP, DECAY(NULL), COMMON};
static const lsi_key muon_keys[] = {NAME("Muon"), RATE("0.001"), EPSILON, DECAY("0.004"), KEY("momentum", FLOAT, "0.95", "[0,1]", "Muon"),
                                    KEY("nesterov", BOOL, "true", NULL, "Muon"), MUON_OWN, COMMON};

static const lsi_map classes[] = {
    MAP("argument of SGD", sgd_keys),           MAP("argument of RMSprop", rmsprop_keys),
    MAP("argument of Adagrad", adagrad_keys),   MAP("argument of Adam", adam_keys),
    MAP("argument of AdamW", adamw_keys),       MAP("argument of Adamax", adamax_keys),
    MAP("argument of Nadam", nadam_keys),       MAP("argument of Adadelta", adadelta_keys),
    MAP("argument of Ftrl", ftrl_keys),         MAP("argument of Lion", lion_keys),
    MAP("argument of Lamb", lamb_keys),         MAP("argument of Adafactor", adafactor_keys),
    MAP("argument of ScheduleFreeAdamW", schedule_free_keys), MAP("argument of Muon", muon_keys)};

static const lsi_key union_keys[] = {
    NAME("RMSprop"), RATE("0.001"), MOMENTUM, NESTEROV,    RHO("0.9"),    CENTERED,    BETA_1("[0,1]"), BETA_2("0.999", "[0,1]"),
    EPSILON,         AMSGRAD,       ACCUMULATOR, FTRL_OWN, ADAFACTOR_OWN, WARMUP, MUON_OWN, DECAY(NULL), COMMON};
const lsi_map lsi_schema_optimizers = MAP("key", union_keys);

const lsi_map *lsi_schema_optimizer(const char *name) {
  for (int i = 0; i < COUNT(classes); i++)
    if (strcasecmp(classes[i].keys[0].fallback, name) == 0)
      return &classes[i];
  return NULL;
}

const char *const *lsi_schema_optimizer_names(int *n) {
  static const char *names[COUNT(classes)];
  for (int i = 0; i < COUNT(classes); i++)
    names[i] = classes[i].keys[0].fallback;
  *n = COUNT(names);
  return names;
}
