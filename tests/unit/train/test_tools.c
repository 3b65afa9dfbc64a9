/* SPDX-License-Identifier: MIT */
/* inspect, digest and diff of model files and checkpoints. */
#include "unit/store/temp_dir.h"

#include <lockstep/tools.h>

#include "base/hash.h"
#include "ckpt/checkpoint.h"
#include "ckpt/model_file.h"
#include "store/h5.h"
#include "unit/ckpt/model_case.h"

/* What `call` printed; free it. */
static char *text_out;
static size_t text_size;
#define PRINTED(status, call)                                                                      \
  do {                                                                                             \
    free(text_out);                                                                                \
    FILE *out = open_memstream(&text_out, &text_size);                                             \
    ls_status printed_ = (call);                                                                   \
    fclose(out);                                                                                   \
    if (printed_ != (status)) fail_msg("%s: %s\n%s", #call, ls_last_error()->message, text_out);   \
  } while (0)

static void assert_printed(const char *words) {
  if (!strstr(text_out, words)) fail_msg("'%s' was not printed:\n%s", words, text_out);
}

static void write_model(const char *path, const lsi_net *net) {
  lsi_compile compile;
  case_compile(&compile, "SGD(0.1, momentum=0.9)", "mse");
  case_metric(&compile, "mae", false);
  assert_ok(lsi_model_file_write(path, net, net->params, &compile, &(lsi_model_extra){.kernels = "BLIS test"}));
}

/* As the trainer writes it: parameters in layer order, one slot, the position. */
static const char *write_checkpoint(const char *dir, const lsi_net *net, const float *slots, int64_t iteration) {
  enum { MAX = 64 };
  static char names[2 * MAX][LSI_NAME + 32];
  lsi_ckpt_array arrays[2 * MAX + 1];
  int n = 0, trained = net->layout.n;
  for (int i = 0; i < 2 * trained; i++) {
    const lsi_tensor *t = &net->layout.tensors[i % trained];
    bool slot = i >= trained;
    if (slot && !t->trainable) continue;
    snprintf(names[n], sizeof names[n], "%s%s", slot ? "slots/momentum/" : "params/", t->name);
    arrays[n] = (lsi_ckpt_array){.name = names[n], .type = LSI_CKPT_F32, .rank = t->rank, .data = (slot ? slots : net->params) + t->offset};
    for (int d = 0; d < t->rank; d++) arrays[n].dims[d] = (uint64_t)t->dims[d];
    n++;
  }
  int64_t position[3] = {2, 7, iteration};
  arrays[n++] = (lsi_ckpt_array){.name = "position", .type = LSI_CKPT_I64, .rank = 1, .dims = {3}, .data = position};
  const lsi_ckpt_text texts[] = {{"kernels", "BLIS test"}, {"data_identity", "abc"}, {"recipe", "model: {}\noptimizer: SGD\nseed: 7\n"}};
  assert_ok(lsi_checkpoint_write(temp_path(dir), iteration, arrays, n, texts, 3, 3, false));
  static char path[4][512];
  static int next;
  snprintf(path[++next % 4], sizeof path[0], "%s/ckpt-%012lld.h5", temp_path(dir), (long long)iteration);
  return path[next % 4];
}

static void digests(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  char expected[33], model[33], checkpoint[33];
  case_fill(net);
  assert_ok(lsi_net_digest(net, net->params, expected));
  write_model(temp_path("a.h5"), net);
  const char *path = write_checkpoint("run", net, net->params, 11);
  assert_ok(ls_digest_file(temp_path("a.h5"), model));
  assert_ok(ls_digest_file(path, checkpoint));
  assert_string_equal(model, expected);
  assert_string_equal(checkpoint, expected);
  PRINTED(LS_OK, ls_diff_files(temp_path("a.h5"), path, out));
  assert_printed("equal: 11 tensors");
  lsi_net_destroy(&net);
}

static void differences(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  const lsi_tensor *kernel = lsi_layout_find(&net->layout, "dense/kernel");
  case_fill(net);
  net->params[kernel->offset + 24] = 1.0f; /* [3, 3] */
  net->params[kernel->offset + 80] = 0.0f; /* [11, 3] */
  write_model(temp_path("a.h5"), net);
  net->params[kernel->offset + 24] = 1.0f + 0x1p-23f;
  write_model(temp_path("b.h5"), net);
  PRINTED(LS_ERR_DIFFERENT, ls_diff_files(temp_path("a.h5"), temp_path("b.h5"), out));
  assert_printed("first difference: dense/kernel[3, 3]");
  assert_printed("0x3f800001");
  assert_printed("dense/kernel: 1 of 84 values differ");
  assert_printed("largest difference: 1 ulps at dense/kernel[3, 3]");
  net->params[kernel->offset + 80] = -0x1p-148f; /* two denormals below -0.0 */
  write_model(temp_path("b.h5"), net);
  PRINTED(LS_ERR_DIFFERENT, ls_diff_files(temp_path("a.h5"), temp_path("b.h5"), out));
  assert_printed("largest difference: 3 ulps at dense/kernel[11, 3]");
  assert_printed("2 of ");
  lsi_net_destroy(&net);
}

static void checkpoints(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  case_fill(net);
  float *slots;
  assert_ok(LSI_ALLOC("slots", net->layout.size, &slots));
  const char *a = write_checkpoint("one", net, slots, 11), *same = write_checkpoint("two", net, slots, 11);
  PRINTED(LS_OK, ls_diff_files(a, same, out));
  const char *later = write_checkpoint("two", net, slots, 12);
  PRINTED(LS_ERR_DIFFERENT, ls_diff_files(a, later, out));
  assert_printed("iteration is 11 in A and 12 in B");
  slots[1] = 0.5f;
  const char *slot = write_checkpoint("two", net, slots, 11);
  PRINTED(LS_ERR_DIFFERENT, ls_diff_files(a, slot, out));
  assert_printed("slots/momentum/dense/kernel[0, 1]");
  PRINTED(LS_OK, ls_inspect(a, out));
  assert_printed("epoch 2, step 7, iteration 11");
  assert_printed("  optimizer: SGD\n  seed: 7\n");
  assert_printed("dense/kernel");
  assert_printed("slots/momentum/dense/kernel");
  lsi_free(slots);
  lsi_net_destroy(&net);
}

static void architectures(void **state) {
  (void)state;
  lsi_net *a = case_net(true), *b = case_net(false);
  case_fill(a);
  case_fill(b);
  write_model(temp_path("a.h5"), a);
  write_model(temp_path("b.h5"), b);
  PRINTED(LS_ERR_DIFFERENT, ls_diff_files(temp_path("a.h5"), temp_path("b.h5"), out));
  assert_printed("standardise/mean (4,) is only in A");
  lsi_net_destroy(&a);
  lsi_net_destroy(&b);
}

static void inspects(void **state) {
  (void)state;
  lsi_net *net = case_net(true);
  char hex[33];
  case_fill(net);
  write_model(temp_path("m.h5"), net);
  assert_ok(lsi_net_digest(net, net->params, hex));
  PRINTED(LS_OK, ls_inspect(temp_path("m.h5"), out));
  assert_printed("SGD(learning_rate=0.1, momentum=0.9)");
  assert_printed("BLIS test");
  assert_printed(hex);
  assert_printed("(12, 7)");
  lsi_net_destroy(&net);

  hid_t file, dataset;
  void *bytes;
  size_t n;
  const uint8_t x[24] = {0};
  assert_ok(lsi_h5_image_create(&file));
  assert_ok(lsi_h5_create_array(file, "x", 3, (uint64_t[]){6, 2, 2}, H5T_STD_U8LE, 2, 4, &dataset));
  assert_ok(lsi_h5_write_rows(dataset, "x", H5T_NATIVE_UINT8, 0, 6, x));
  H5Dclose(dataset);
  assert_ok(lsi_h5_write_attr_double(file, "x", "scale_factor", 0.5));
  assert_ok(lsi_h5_image_finish(file, &bytes, &n));
  temp_file(temp_path("d.h5"), bytes, n);
  lsi_free(bytes);
  PRINTED(LS_OK, ls_inspect(temp_path("d.h5"), out));
  assert_printed("(6, 2, 2)");
  assert_printed("uint8");
  assert_printed("chunks of 2 x 2 x 2, deflate 4");
  assert_printed("stored * 0.5");
  temp_file(temp_path("t"), "nothing of ours", 15);
  PRINTED(LS_ERR_FORMAT, ls_inspect(temp_path("t"), out));
  PRINTED(LS_ERR_FORMAT, ls_diff_files(temp_path("m.h5"), temp_path("d.h5"), out));
  free(text_out);
  text_out = NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(digests), cmocka_unit_test(differences), cmocka_unit_test(checkpoints),
                                     cmocka_unit_test(architectures), cmocka_unit_test(inspects)};
  return cmocka_run_group_tests(tests, temp_dir_create, temp_dir_remove);
}
