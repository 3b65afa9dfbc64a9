/* SPDX-License-Identifier: MIT */
/* The classes with Keras's constructor arguments, in its order. Momenta and betas stay below 1 also when rounded to float. */
#include "optim/optimizer.h"
#include "optim/schedule.h"

#define BELOW_1F 0x1.fffffep-1
#define RATE(value)                                                                                \
  { "learning_rate", LSI_PARAM_SCHEDULE, value, 0.0, 1e6, NULL }
#define NUMBER(argument, value, low, high)                                                         \
  { argument, LSI_PARAM_FLOAT, value, low, high, NULL }
#define OR_NONE(argument, value, high)                                                             \
  { argument, LSI_PARAM_FLOAT, value, 0.0, high, LSI_OR_NONE }
#define COUNT(argument, low)                                                                       \
  { argument, LSI_PARAM_INT, NAN, low, LSI_MAX_COUNT, NULL }
#define FLAG(argument, value)                                                                      \
  { argument, LSI_PARAM_BOOL, value, 0.0, 1.0, NULL }
#define TEXT(text)                                                                                 \
  { "name", LSI_PARAM_TEXT, 0.0, 0.0, 0.0, text }
/* Not 0: an element that never had a gradient would be 0 / 0. */
#define EPSILON        NUMBER("epsilon", 1e-7, 1e-30, 1e30)
#define BETA_1         NUMBER("beta_1", 0.9, 0.0, BELOW_1F)
#define BETA_2         NUMBER("beta_2", 0.999, 0.0, BELOW_1F)
#define STRENGTH(text) NUMBER(text, 0.0, 0.0, 1e30)
#define DECAY(value)   NUMBER("weight_decay", value, 0.0, 1e6)
/* 9 arguments of every class, the name included */
#define CLIP_TO_NAME(text)                                                                         \
  NUMBER("clipnorm", NAN, LSI_ABOVE_0, 1e30), NUMBER("clipvalue", NAN, LSI_ABOVE_0, 1e30),         \
      NUMBER("global_clipnorm", NAN, LSI_ABOVE_0, 1e30), FLAG("use_ema", 0.0),                     \
      NUMBER("ema_momentum", 0.99, 0.0, 1.0), COUNT("ema_overwrite_frequency", 1.0),               \
      NUMBER("loss_scale_factor", NAN, LSI_ABOVE_0, 1e30),                                         \
      COUNT("gradient_accumulation_steps", 2.0), TEXT(text)
#define BASE(text) DECAY(NAN), CLIP_TO_NAME(text)
#define CLASS(enumerator, class, snake, n)                                                         \
  .kind = LSI_OPT_##enumerator, .class_name = class, .name = snake, .n_params = (n)

static const lsi_class_info classes[] = {
    {CLASS(SGD, "SGD", "sgd", 13),
     .params = {RATE(0.01), NUMBER("momentum", 0.0, 0.0, 1.0), FLAG("nesterov", 0.0), BASE("SGD")}},
    {CLASS(RMSPROP, "RMSprop", "rmsprop", 15),
     .params = {RATE(0.001), NUMBER("rho", 0.9, 0.0, BELOW_1F), NUMBER("momentum", 0.0, 0.0, 1.0),
                EPSILON, FLAG("centered", 0.0), BASE("rmsprop")}},
    {CLASS(ADAGRAD, "Adagrad", "adagrad", 13),
     .params = {RATE(0.001), NUMBER("initial_accumulator_value", 0.1, 0.0, 1e30), EPSILON,
                BASE("adagrad")}},
    {CLASS(ADAM, "Adam", "adam", 15),
     .params = {RATE(0.001), BETA_1, BETA_2, EPSILON, FLAG("amsgrad", 0.0), BASE("adam")}},
    {CLASS(ADAMW, "AdamW", "adamw", 15),
     .params = {RATE(0.001), DECAY(0.004), BETA_1, BETA_2, EPSILON, FLAG("amsgrad", 0.0),
                CLIP_TO_NAME("adamw")}},
    {CLASS(ADAMAX, "Adamax", "adamax", 14),
     .params = {RATE(0.001), BETA_1, BETA_2, EPSILON, BASE("adamax")}},
    {CLASS(NADAM, "Nadam", "nadam", 14),
     .params = {RATE(0.001), BETA_1, BETA_2, EPSILON, BASE("nadam")}},
    {CLASS(ADADELTA, "Adadelta", "adadelta", 13),
     .params = {RATE(0.001), NUMBER("rho", 0.95, 0.0, BELOW_1F), EPSILON, BASE("adadelta")}},
    {CLASS(FTRL, "Ftrl", "ftrl", 17),
     .params = {RATE(0.001), NUMBER("learning_rate_power", -0.5, -1e3, 0.0),
                NUMBER("initial_accumulator_value", 0.1, 0.0, 1e30),
                STRENGTH("l1_regularization_strength"), STRENGTH("l2_regularization_strength"),
                STRENGTH("l2_shrinkage_regularization_strength"), NUMBER("beta", 0.0, 0.0, 1e30),
                BASE("ftrl")}},
    {CLASS(LION, "Lion", "lion", 13),
     .params = {RATE(0.001), NUMBER("beta_1", 0.9, LSI_ABOVE_0, 1.0),
                NUMBER("beta_2", 0.99, 0.0, 1.0), BASE("lion")}},
    {CLASS(LAMB, "Lamb", "lamb", 14), .params = {RATE(0.001), BETA_1, BETA_2, EPSILON, BASE("lamb")}},
    {CLASS(ADAFACTOR, "Adafactor", "adafactor", 16),
     .params = {RATE(0.001), NUMBER("beta_2_decay", -0.8, -1e3, 0.0),
                NUMBER("epsilon_1", 1e-30, 1e-38, 1e30), NUMBER("epsilon_2", 1e-3, 0.0, 1e30),
                NUMBER("clip_threshold", 1.0, LSI_ABOVE_0, 1e30), FLAG("relative_step", 1.0),
                BASE("adafactor")}},
    {CLASS(SCHEDULE_FREE_ADAMW, "ScheduleFreeAdamW", "schedule_free_adamw", 15),
     .aliases = {"schedulefreeadamw"},
     .params = {RATE(0.0025), NUMBER("beta_1", 0.9, LSI_ABOVE_0, 1.0), BETA_2, NUMBER("epsilon", 1e-8, 1e-30, 1e30),
                {"warmup_steps", LSI_PARAM_INT, 0.0, 0.0, LSI_MAX_COUNT, NULL}, BASE("schedule_free_adamw")}},
    {CLASS(MUON, "Muon", "muon", 24),
     .params = {RATE(0.001), NUMBER("adam_beta_1", 0.9, 0.0, BELOW_1F), NUMBER("adam_beta_2", 0.999, 0.0, BELOW_1F),
                OR_NONE("adam_weight_decay", 0.004, 1e6), EPSILON, OR_NONE("weight_decay", 0.004, 1e6), CLIP_TO_NAME("muon"), FLAG("exclude_embeddings", 1.0),
                NUMBER("muon_a", 3.4445, -1e30, 1e30), NUMBER("muon_b", -4.7750, -1e30, 1e30), NUMBER("muon_c", 2.0315, -1e30, 1e30),
                NUMBER("adam_lr_ratio", 1.0, 0.0, 1e30), NUMBER("momentum", 0.95, 0.0, 1.0), {"ns_steps", LSI_PARAM_INT, 5.0, 0.0, 1000.0, NULL},
                FLAG("nesterov", 1.0), OR_NONE("rms_rate", 0.2, 1e30)}},
};

static const lsi_refusal refused[] = {
    {"LossScaleOptimizer", "It is for float16; training here is in float32: name the inner optimizer."},
    {"MultiOptimizer", "One optimizer updates all layers; trainable=False freezes some."},
    {NULL, NULL},
};

static ls_status check_optimizer(const lsi_object *object) {
  static const char *const clips[] = {"clipnorm", "clipvalue", "global_clipnorm"};
  const char *first = NULL;
  for (int i = 0; i < 3; i++) {
    if (isnan(lsi_object_get(object, clips[i])))
      continue;
    LSI_CHECK(!first, LS_ERR_ARG, "Keep one of clipnorm, clipvalue and global_clipnorm.",
              "optimizer %s: both '%s' and '%s' are given; only one may be",
              object->info->class_name, first, clips[i]);
    first = clips[i];
  }
  return LS_OK;
}

const lsi_family lsi_optimizers = {.what = "optimizer",
                                   .classes = classes,
                                   .n_classes = (int)(sizeof classes / sizeof *classes),
                                   .refused = refused,
                                   .schedules = &lsi_schedules,
                                   .check = check_optimizer};
