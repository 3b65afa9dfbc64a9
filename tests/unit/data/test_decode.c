/* SPDX-License-Identifier: MIT */
/* Stored values to float32: one formula, every type; labels and their range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "data/decode.h"

/* A byte over 255 comes out as the nearest float, as in numpy's x / 255. */
static void test_bytes_over_255(void **state) {
  (void)state;
  uint8_t bytes[256];
  float out[256];
  lsi_decoder d;
  for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
  lsi_decoder_init(&d, LS_UINT8, 1.0 / 255, 0);
  lsi_decode(&d, bytes, 256, out);
  for (int i = 0; i < 256; i++) assert_true(out[i] == (float)i / 255.0f);
}

static void test_formula(void **state) {
  (void)state;
  int32_t values[] = {0, 1, -1, INT32_MAX, INT32_MIN, 16777217, 12345678};
  enum { N = sizeof values / sizeof *values };
  float out[N];
  lsi_decoder d;
  lsi_decoder_init(&d, LS_INT32, 0.1, 3.7);
  lsi_decode(&d, values, N, out);
  for (int i = 0; i < N; i++) {
    volatile double product = values[i] * 0.1; /* rounded before the sum: no fused multiply-add */
    assert_true(out[i] == (float)(product + 3.7));
  }
}

static void test_floats_keep_their_bits(void **state) {
  (void)state;
  uint32_t bits[] = {0, 0x80000000, 0x7fc00001, 0xff800000, 1, 0x3f800001}, out[6];
  lsi_decoder d;
  lsi_decoder_init(&d, LS_FLOAT32, 1, 0);
  lsi_decode(&d, bits, 6, (float *)out);
  assert_memory_equal(bits, out, sizeof bits);
}

static void test_every_type(void **state) {
  (void)state;
  for (ls_dtype t = LS_UINT8; t <= LS_FLOAT64; t++) {
    double raw[2] = {0};
    float out[2];
    lsi_decoder d;
    switch (t) {
    case LS_UINT8: memcpy(raw, (uint8_t[]){200, 3}, 2); break;
    case LS_INT8: memcpy(raw, (int8_t[]){-56, 3}, 2); break;
    case LS_UINT16: memcpy(raw, (uint16_t[]){65000, 3}, 4); break;
    case LS_INT16: memcpy(raw, (int16_t[]){-536, 3}, 4); break;
    case LS_UINT32: memcpy(raw, (uint32_t[]){4000000000, 3}, 8); break;
    case LS_INT32: memcpy(raw, (int32_t[]){-294967296, 3}, 8); break;
    case LS_UINT64: memcpy(raw, (uint64_t[]){1ULL << 63, 3}, 16); break;
    case LS_INT64: memcpy(raw, (int64_t[]){INT64_MIN, 3}, 16); break;
    case LS_FLOAT32: memcpy(raw, (float[]){0.125f, 3}, 8); break;
    case LS_FLOAT64: memcpy(raw, (double[]){0.1, 3}, 16); break;
    }
    static const double expected[] = {
        200,   -56, 65000, -536, 4e9, -294967296, 9223372036854775808.0, -9223372036854775808.0,
        0.125, 0.1};
    lsi_decoder_init(&d, t, 1, 0);
    lsi_decode(&d, raw, 2, out);
    if (out[0] != (float)expected[t] || out[1] != 3)
      fail_msg("%s: %g %g", lsi_dtype_name(t), out[0], out[1]);
  }
  assert_int_equal(lsi_dtype_size((ls_dtype)99), 0);
  assert_int_equal(lsi_dtype_size(LS_UINT16), 2);
  assert_true(lsi_dtype_is_integer(LS_INT64));
  assert_false(lsi_dtype_is_integer(LS_FLOAT32));
}

static void test_labels(void **state) {
  (void)state;
  int32_t out = 0;
  char text[24];
  assert_true(lsi_decode_label(LS_UINT8, &(uint8_t){255}, &out, text));
  assert_int_equal(out, 255);
  assert_true(lsi_decode_label(LS_INT8, &(int8_t){-1}, &out, text));
  assert_int_equal(out, -1);
  assert_true(lsi_decode_label(LS_INT64, &(int64_t){INT32_MIN}, &out, text));
  assert_int_equal(out, INT32_MIN);
  assert_false(lsi_decode_label(LS_INT64, &(int64_t){(int64_t)INT32_MIN - 1}, &out, text));
  assert_string_equal(text, "-2147483649");
  assert_false(lsi_decode_label(LS_UINT32, &(uint32_t){3000000000}, &out, text));
  assert_string_equal(text, "3000000000");
  assert_false(lsi_decode_label(LS_UINT64, &(uint64_t){UINT64_MAX}, &out, text)); /* not -1 */
  assert_string_equal(text, "18446744073709551615");
}

/* Whichever way bytes go, the bits are those of float64 arithmetic rounded once. */
static void test_bytes_are_rounded_once(void **state) {
  (void)state;
  static const double scales[] = {1.0 / 255, 1.0, 0.1, 1.0 / 127.5, -3.7e-5, 1e30, 1e-41, 0x1p-140};
  static const double offsets[] = {0, -0.5, 1.0, -1.0, 1e-9, 3e7};
  for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
    for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++) {
      uint8_t byte[256];
      float got[256];
      lsi_decoder decoder;
      for (int i = 0; i < 256; i++)
        byte[i] = (uint8_t)i;
      lsi_decoder_init(&decoder, LS_UINT8, scales[s], offsets[o]);
      lsi_decode(&decoder, byte, 256, got);
      for (int i = 0; i < 256; i++) {
        float want = (float)((double)i * scales[s] + offsets[o]);
        assert_memory_equal(&want, &got[i], sizeof want);
      }
      if (s == 0 && o == 0)
        assert_true(decoder.bytes); /* images: the fast way */
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes_are_rounded_once),
      cmocka_unit_test(test_bytes_over_255),
      cmocka_unit_test(test_formula),
      cmocka_unit_test(test_floats_keep_their_bits),
      cmocka_unit_test(test_every_type),
      cmocka_unit_test(test_labels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
