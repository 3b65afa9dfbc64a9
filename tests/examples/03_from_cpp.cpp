// SPDX-License-Identifier: MIT
// The C API from C++: the headers are the same, and need no C++ bindings of MPI.
#include <lockstep/lockstep.h>

#include <cstdio>

static ls_status build(ls_context *context, ls_model **model) {
  const int64_t shape[1] = {2};
  const char *metrics[] = {"accuracy"};
  ls_dense_spec hidden = ls_dense_spec(), last = ls_dense_spec(); // zeroed: Keras's defaults
  hidden.units = 8;
  hidden.activation = "tanh";
  last.units = 2;
  last.activation = "softmax";
  ls_compile_spec compile = ls_compile_spec();
  compile.optimizer = "Adam(0.05)";
  compile.loss = "sparse_categorical_crossentropy";
  compile.metrics = metrics;
  compile.n_metrics = 1;
  ls_status status = ls_model_create(context, "exclusive_or", model);
  if (status == LS_OK) status = ls_model_add_input(*model, 1, shape);
  if (status == LS_OK) status = ls_model_add_dense(*model, &hidden);
  if (status == LS_OK) status = ls_model_add_dense(*model, &last);
  return status == LS_OK ? ls_model_compile(*model, &compile) : status;
}

int main() {
  const float x[] = {0, 0, 0, 1, 1, 0, 1, 1};
  const int32_t y[] = {0, 1, 1, 0};
  double values[2] = {0, 0}; // loss, accuracy
  ls_context *context = nullptr;
  ls_dataset *data = nullptr;
  ls_model *model = nullptr;
  ls_memory_spec memory = ls_memory_spec();
  memory.n_samples = 4;
  memory.x_rank = 1;
  memory.x_shape[0] = 2;
  memory.x_dtype = LS_FLOAT32;
  memory.x = x;
  memory.y_dtype = LS_INT32;
  memory.y = y;
  ls_fit_spec fit = ls_fit_spec_default();
  fit.epochs = 200;

  ls_status status = ls_context_create(nullptr, &context);
  if (status == LS_OK) status = ls_dataset_from_memory(context, &memory, &data);
  if (status == LS_OK) status = build(context, &model);
  if (status == LS_OK) status = ls_model_fit(model, data, nullptr, &fit, nullptr);
  if (status == LS_OK) status = ls_model_evaluate(model, data, 0, 0, values);
  if (status != LS_OK) std::fprintf(stderr, "%s\n%s\n", ls_last_error()->message, ls_last_error()->advice);
  else if (ls_context_rank(context) == 0) std::printf("accuracy %.2f\n", values[1]);
  ls_model_destroy(&model);
  ls_dataset_destroy(&data);
  ls_context_destroy(&context);
  return status == LS_OK && values[1] == 1.0 ? 0 : 1;
}
