/* SPDX-License-Identifier: MIT */
/* Layers and callbacks with the arguments and defaults of Keras 3. */
#include "config/schema.h"

#define KEY LSI_KEY_ROW
#define MAP(what, keys)                                                                            \
  { what, keys, (int)(sizeof(keys) / sizeof *(keys)) }

#define NAME      KEY("name", TEXT, NULL, NULL, "name of the layer; default: its kind, numbered")
#define TRAINABLE KEY("trainable", BOOL, "true", NULL, "false: the weights are kept as they are")
#define INPUT_SHAPE                                                                                \
  KEY("input_shape", INTS, NULL, "[1,1e9]",                                                        \
      "of one sample; on the first layer, unless that is Input")
#define ACTIVITY KEY("activity_regularizer", TEXT, NULL, NULL, "a penalty of the outputs; any layer takes one")
#define COMMON NAME, ACTIVITY, INPUT_SHAPE

static const lsi_key input_keys[] = {
    KEY("shape", INTS, NULL, "[1,1e9]", "of one sample, without the batch dimension",
        .required = true),
};
static const lsi_key flatten_keys[] = {COMMON};
static const lsi_key dense_keys[] = {
    KEY("units", INT, NULL, "[1,1e9]", "outputs", .required = true),
    KEY("activation", TEXT, "linear", NULL, "relu, sigmoid, tanh, softmax, gelu, ..."),
    KEY("use_bias", BOOL, "true", NULL, "add a bias"),
    KEY("kernel_initializer", TEXT, "glorot_uniform", NULL,
        "a name, or a call: RandomNormal(stddev=0.02)"),
    KEY("bias_initializer", TEXT, "zeros", NULL, ""),
    KEY("kernel_regularizer", TEXT, NULL, NULL, "l1, l2, l1_l2, orthogonal_regularizer, or a call: L2(0.001)"),
    KEY("bias_regularizer", TEXT, NULL, NULL, ""),
    KEY("kernel_constraint", TEXT, NULL, NULL, "non_neg, unit_norm, max_norm, min_max_norm, or a call: MaxNorm(3.0)"),
    KEY("bias_constraint", TEXT, NULL, NULL, ""),
    TRAINABLE,
    COMMON,
};
static const lsi_key activation_keys[] = {
    KEY("activation", TEXT, NULL, NULL, "relu, softmax, ...", .required = true),
    COMMON,
};
static const lsi_key dropout_keys[] = {
    KEY("rate", FLOAT, NULL, "[0,1)", "fraction of the inputs to drop", .required = true),
    KEY("seed", INT, "0", "[0,9e18]", "0: from fit.seed and the layer's place"),
    COMMON,
};
/* What the normalizations share. */
#define VARIANCE_EPSILON KEY("epsilon", FLOAT, "0.001", "(0,inf)", "added to the variance")
#define BETA_AND_GAMMA                                         \
    KEY("center", BOOL, "true", NULL, "learn an offset beta"), \
    KEY("scale", BOOL, "true", NULL, "learn a factor gamma"),  \
    KEY("beta_initializer", TEXT, "zeros", NULL, ""),          \
    KEY("gamma_initializer", TEXT, "ones", NULL, "")
#define BETA_AND_GAMMA_LIMITS                       \
    KEY("beta_regularizer", TEXT, NULL, NULL, ""),  \
    KEY("gamma_regularizer", TEXT, NULL, NULL, ""), \
    KEY("beta_constraint", TEXT, NULL, NULL, ""),   \
    KEY("gamma_constraint", TEXT, NULL, NULL, "")
static const lsi_key batch_normalization_keys[] = {
    KEY("momentum", FLOAT, "0.99", "[0,1]", "of the moving mean and variance"),
    VARIANCE_EPSILON,
    BETA_AND_GAMMA,
    KEY("moving_mean_initializer", TEXT, "zeros", NULL, ""),
    KEY("moving_variance_initializer", TEXT, "ones", NULL, ""),
    BETA_AND_GAMMA_LIMITS,
    TRAINABLE,
    COMMON,
};
static const lsi_key layer_normalization_keys[] = {
    VARIANCE_EPSILON,
    BETA_AND_GAMMA,
    BETA_AND_GAMMA_LIMITS,
    TRAINABLE,
    COMMON,
};
static const lsi_key rescaling_keys[] = {
    KEY("scale", FLOAT, NULL, NULL, "outputs = inputs * scale + offset", .required = true),
    KEY("offset", FLOAT, "0.0", NULL, ""),
    COMMON,
};
static const lsi_key normalization_keys[] = {
    KEY("mean", FLOATS, NULL, NULL,
        "one value, or one a feature; without: measured on the training set"),
    KEY("variance", FLOATS, NULL, "[0,inf)", "goes with mean"),
    KEY("invert", BOOL, "false", NULL, "undo the normalization instead"),
    COMMON,
};

static const lsi_key relu_keys[] = {
    KEY("max_value", FLOAT, NULL, "[0,inf)", "no output is larger"),
    KEY("negative_slope", FLOAT, "0.0", "[0,inf)", "below the threshold"),
    KEY("threshold", FLOAT, "0.0", "[0,inf)", "only what is above it passes"),
    COMMON,
};
static const lsi_key leaky_relu_keys[] = {KEY("negative_slope", FLOAT, "0.3", "[0,inf)", "below 0"), COMMON};
static const lsi_key elu_keys[] = {KEY("alpha", FLOAT, "1.0", NULL, "the outputs' lower bound is -alpha"), COMMON};
static const lsi_key prelu_keys[] = {
    KEY("alpha_initializer", TEXT, "zeros", NULL, "alpha is the slope below 0 of each value, and learned"),
    KEY("alpha_regularizer", TEXT, NULL, NULL, ""),
    KEY("alpha_constraint", TEXT, NULL, NULL, ""),
    KEY("shared_axes", INTS, NULL, "[1,8]", "dimensions of a sample, from 1, along which one alpha serves all"),
    TRAINABLE,
    COMMON,
};
static const lsi_key softmax_keys[] = {COMMON};
#define NOISE_SEED KEY("seed", INT, "0", "[0,9e18]", "0: from fit.seed and the layer's place")
static const lsi_key gaussian_noise_keys[] = {KEY("stddev", FLOAT, NULL, "[0,1]", "of what is added", .required = true), NOISE_SEED, COMMON};
static const lsi_key gaussian_dropout_keys[] = {
    KEY("rate", FLOAT, NULL, "[0,1)", "the factors' variance is rate / (1 - rate)", .required = true), NOISE_SEED, COMMON};
static const lsi_key alpha_dropout_keys[] = {KEY("rate", FLOAT, NULL, "[0,1)", "fraction of the inputs to drop", .required = true), NOISE_SEED,
                                             COMMON};
static const lsi_key reshape_keys[] = {KEY("target_shape", INTS, NULL, "[-1,1e9]", "of one sample; one size may be -1", .required = true), COMMON};
static const lsi_key activity_regularization_keys[] = {KEY("l1", FLOAT, "0.0", "[0,inf)", "factor of the outputs' magnitudes"),
                                                       KEY("l2", FLOAT, "0.0", "[0,inf)", "factor of their squares"), NAME, INPUT_SHAPE};
static const lsi_key rms_normalization_keys[] = {KEY("epsilon", FLOAT, "1e-06", "(0,inf)", "added to the mean square"), TRAINABLE, COMMON};

static const lsi_key permute_keys[] = {KEY("dims", INTS, NULL, "[1,8]", "the input's dimensions, from 1, in their new order", .required = true), COMMON};
static const lsi_key repeat_vector_keys[] = {KEY("n", INT, NULL, "[1,1e6]", "how often", .required = true), COMMON};
static const lsi_key group_normalization_keys[] = {
    KEY("groups", INT, "32", "[-1,1e9]", "a divisor of the last axis; -1: one value a group"),
    VARIANCE_EPSILON,
    BETA_AND_GAMMA,
    BETA_AND_GAMMA_LIMITS,
    TRAINABLE,
    COMMON,
};

#define CLASS(name, table, doc) KEY(name, MAP, NULL, NULL, doc, .map = &table)

static const lsi_map input_map = MAP("argument of Input", input_keys);
static const lsi_map flatten_map = MAP("argument of Flatten", flatten_keys);
static const lsi_map dense_map = MAP("argument of Dense", dense_keys);
static const lsi_map activation_map = MAP("argument of Activation", activation_keys);
static const lsi_map dropout_map = MAP("argument of Dropout", dropout_keys);
static const lsi_map batch_normalization_map =
    MAP("argument of BatchNormalization", batch_normalization_keys);
static const lsi_map layer_normalization_map =
    MAP("argument of LayerNormalization", layer_normalization_keys);
static const lsi_map rescaling_map = MAP("argument of Rescaling", rescaling_keys);
static const lsi_map normalization_map = MAP("argument of Normalization", normalization_keys);

static const lsi_map relu_map = MAP("argument of ReLU", relu_keys);
static const lsi_map leaky_relu_map = MAP("argument of LeakyReLU", leaky_relu_keys);
static const lsi_map elu_map = MAP("argument of ELU", elu_keys);
static const lsi_map prelu_map = MAP("argument of PReLU", prelu_keys);
static const lsi_map softmax_map = MAP("argument of Softmax", softmax_keys);
static const lsi_map gaussian_noise_map = MAP("argument of GaussianNoise", gaussian_noise_keys);
static const lsi_map gaussian_dropout_map = MAP("argument of GaussianDropout", gaussian_dropout_keys);
static const lsi_map alpha_dropout_map = MAP("argument of AlphaDropout", alpha_dropout_keys);
static const lsi_map reshape_map = MAP("argument of Reshape", reshape_keys);
static const lsi_map identity_map = MAP("argument of Identity", softmax_keys);
static const lsi_map activity_regularization_map = MAP("argument of ActivityRegularization", activity_regularization_keys);
static const lsi_map unit_normalization_map = MAP("argument of UnitNormalization", softmax_keys);
static const lsi_map rms_normalization_map = MAP("argument of RMSNormalization", rms_normalization_keys);

static const lsi_map permute_map = MAP("argument of Permute", permute_keys);
static const lsi_map repeat_vector_map = MAP("argument of RepeatVector", repeat_vector_keys);
static const lsi_map group_normalization_map = MAP("argument of GroupNormalization", group_normalization_keys);

static const lsi_key layer_classes[] = {
    CLASS("Input", input_map, "shape of a sample"),
    CLASS("Flatten", flatten_map, "a sample as one row of numbers"),
    CLASS("Dense", dense_map, "activation(inputs x kernel + bias)"),
    CLASS("Activation", activation_map, "an activation of its own"),
    CLASS("Dropout", dropout_map, "drop inputs at random while training"),
    CLASS("BatchNormalization", batch_normalization_map, "normalize over the global batch"),
    CLASS("LayerNormalization", layer_normalization_map, "normalize each sample"),
    CLASS("Rescaling", rescaling_map, "multiply and add"),
    CLASS("Normalization", normalization_map, "to mean 0 and variance 1, feature by feature"),
    CLASS("ReLU", relu_map, "what is positive, within bounds"),
    CLASS("LeakyReLU", leaky_relu_map, "a small slope below 0"),
    CLASS("ELU", elu_map, "alpha (exp(x) - 1) below 0"),
    CLASS("PReLU", prelu_map, "a learned slope below 0"),
    CLASS("Softmax", softmax_map, "probabilities of the last axis"),
    CLASS("GaussianNoise", gaussian_noise_map, "add noise while training"),
    CLASS("GaussianDropout", gaussian_dropout_map, "multiply by noise of mean 1 while training"),
    CLASS("AlphaDropout", alpha_dropout_map, "dropout that keeps mean and variance, for selu"),
    CLASS("Reshape", reshape_map, "another shape for the same values"),
    CLASS("Identity", identity_map, "nothing"),
    CLASS("ActivityRegularization", activity_regularization_map, "a penalty of the outputs"),
    CLASS("UnitNormalization", unit_normalization_map, "rows of length 1"),
    CLASS("RMSNormalization", rms_normalization_map, "rows of mean square 1, times a learned scale"),
    CLASS("Permute", permute_map, "a sample's dimensions in another order"),
    CLASS("RepeatVector", repeat_vector_map, "the same vector several times"),
    CLASS("GroupNormalization", group_normalization_map, "normalize groups of each sample's features"),
};
const lsi_map lsi_schema_layers = MAP("layer", layer_classes);

/* ---- callbacks ---- */
#define MONITOR                                                                                    \
  KEY("monitor", TEXT, "val_loss", NULL, "a column of the history: loss, accuracy, val_loss, ...")
#define MODE                                                                                       \
  KEY("mode", CHOICE, "auto", "auto|min|max", "whether less or more is better; auto: from the name")
#define VERBOSE KEY("verbose", INT, "0", "[0,1]", "1: say so when it acts")

static const lsi_key early_stopping_keys[] = {
    MONITOR,
    KEY("min_delta", FLOAT, "0.0", "[0,inf)", "smaller changes are no improvement"),
    KEY("patience", INT, "0", "[0,1e9]", "epochs without improvement before it stops"),
    VERBOSE,
    MODE,
    KEY("baseline", FLOAT, NULL, NULL, "must be beaten to count as improvement"),
    KEY("restore_best_weights", BOOL, "false", NULL, "end with the weights of the best epoch"),
    KEY("start_from_epoch", INT, "0", "[0,1e9]", "epochs to wait before watching"),
};
static const lsi_key model_checkpoint_keys[] = {
    KEY("filepath", TEXT, NULL, NULL,
        "model file to write, .keras or .h5, from the run folder; may hold {epoch:02d} and {val_loss:.2f}",
        .required = true),
    MONITOR,
    VERBOSE,
    KEY("save_best_only", BOOL, "false", NULL, "only when the monitored value improved"),
    KEY("save_weights_only", BOOL, "false", NULL,
        "weights and optimizer state alone; filepath ends in .weights.h5"),
    MODE,
    KEY("save_freq", TEXT, "epoch", NULL, "epoch, or a number of steps: save after every so many"),
    KEY("initial_value_threshold", FLOAT, NULL, NULL, "must be beaten by the first save"),
};
static const lsi_key reduce_lr_keys[] = {
    MONITOR,
    KEY("factor", FLOAT, "0.1", "(0,1)", "new rate = rate x factor"),
    KEY("patience", INT, "10", "[0,1e9]", "epochs without improvement before it acts"),
    VERBOSE,
    MODE,
    KEY("min_delta", FLOAT, "0.0001", "[0,inf)", "smaller changes are no improvement"),
    KEY("cooldown", INT, "0", "[0,1e9]", "epochs to wait after a reduction"),
    KEY("min_lr", FLOAT, "0.0", "[0,inf)", "the rate never falls below this"),
};
static const lsi_key lr_scheduler_keys[] = {
    KEY("schedule", TEXT, NULL, NULL,
        "a schedule, evaluated at the epoch: ExponentialDecay(0.1, decay_steps=1, decay_rate=0.9)",
        .required = true),
    VERBOSE,
};
static const lsi_key csv_logger_keys[] = {
    KEY("filename", TEXT, NULL, NULL,
        "CSV file to write (the run folder has history.csv in any case)", .required = true),
    KEY("separator", TEXT, ",", NULL, ""),
    KEY("append", BOOL, "false", NULL, "continue the file"),
};

static const lsi_map early_stopping_map = MAP("argument of EarlyStopping", early_stopping_keys);
static const lsi_map model_checkpoint_map =
    MAP("argument of ModelCheckpoint", model_checkpoint_keys);
static const lsi_map reduce_lr_map = MAP("argument of ReduceLROnPlateau", reduce_lr_keys);
static const lsi_map lr_scheduler_map = MAP("argument of LearningRateScheduler", lr_scheduler_keys);
static const lsi_map csv_logger_map = MAP("argument of CSVLogger", csv_logger_keys);
static const lsi_map terminate_on_nan_map = {"argument of TerminateOnNaN", NULL, 0};

static const lsi_key callback_classes[] = {
    CLASS("EarlyStopping", early_stopping_map, "stop when a value no longer improves"),
    CLASS("ModelCheckpoint", model_checkpoint_map, "save the model after an epoch"),
    CLASS("ReduceLROnPlateau", reduce_lr_map,
          "reduce the learning rate when a value no longer improves"),
    CLASS("LearningRateScheduler", lr_scheduler_map, "set the learning rate at every epoch"),
    CLASS("CSVLogger", csv_logger_map, "write the history to another file"),
    CLASS("TerminateOnNaN", terminate_on_nan_map, "stop when the loss is not a number"),
};
const lsi_map lsi_schema_callbacks = MAP("callback", callback_classes);
