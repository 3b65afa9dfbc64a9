/* SPDX-License-Identifier: MIT */
/*
 * Fashion-MNIST as the Keras tutorials have it:
 *
 *   model = keras.Sequential([keras.Input((28, 28))])
 *   model.add(layers.Flatten())
 *   model.add(layers.Dense(100, activation="sigmoid"))
 *   model.add(layers.Dense(10, activation="softmax"))
 *   model.compile("SGD(0.1)", "sparse_categorical_crossentropy", metrics=["accuracy"])
 *   model.fit(train, epochs=5, batch_size=32)
 *   model.evaluate(test)
 *
 * Run:  mpirun -n 2 01_fashion_mnist data/fashion_mnist_train.h5 data/fashion_mnist_test.h5
 */
#include <lockstep/lockstep.h>

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((status = (call)) != LS_OK) goto done;                                                     \
  } while (0)

int main(int argc, char **argv) {
  ls_status status;
  ls_context *context = NULL;
  ls_dataset *train = NULL, *test = NULL;
  ls_model *model = NULL;
  double values[2] = {0}; /* loss, accuracy */
  ls_fit_spec fit = {.epochs = 5, .batch_size = 32, .seed = 1, .verbose = 2};

  TRY(ls_context_create(NULL, &context));
  TRY(ls_dataset_open(context, &(ls_hdf5_spec){.path = argc > 1 ? argv[1] : ""}, &train));
  TRY(ls_dataset_open(context, &(ls_hdf5_spec){.path = argc > 2 ? argv[2] : ""}, &test));

  TRY(ls_model_create(context, NULL, &model));
  TRY(ls_model_add_input(model, 2, (int64_t[]){28, 28}));
  TRY(ls_model_add_flatten(model, NULL));
  TRY(ls_model_add_dense(model, &(ls_dense_spec){.units = 100, .activation = "sigmoid"}));
  TRY(ls_model_add_dense(model, &(ls_dense_spec){.units = 10, .activation = "softmax"}));
  TRY(ls_model_compile(model, &(ls_compile_spec){.optimizer = "SGD(0.1)",
                                                 .loss = "sparse_categorical_crossentropy",
                                                 .metrics = (const char *[]){"accuracy"},
                                                 .n_metrics = 1}));
  TRY(ls_model_fit(model, train, NULL, &fit, NULL));
  TRY(ls_model_evaluate(model, test, 32, 0, values));
  if (ls_context_rank(context) == 0) printf("test accuracy: %.4f\n", values[1]);

done:
  if (status != LS_OK) fprintf(stderr, "%s\n%s\n", ls_last_error()->message, ls_last_error()->advice);
  ls_model_destroy(&model);
  ls_dataset_destroy(&test);
  ls_dataset_destroy(&train);
  ls_context_destroy(&context);
  return status == LS_OK ? 0 : 1;
}
