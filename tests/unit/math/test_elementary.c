/* SPDX-License-Identifier: MIT */
/* Accuracy of math/elementary.h against long double, special values, and equal bits at every ISA
 * level. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "math/elementary.h"

/* ---- references ---- */
static long double sigmoid_l(long double x) {
  return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}

static long double cos_pi_l(long double x) {
  const long double pi = 3.14159265358979323846264338327950288L;
  long double r = fabsl(fmodl(x, 2.0L)); /* even, period 2; exact */
  if (r > 1.0L)
    r = 2.0L - r;
  return r < 0.25L ? cosl(pi * r) : r > 0.75L ? -cosl(pi * (1 - r)) : sinl(pi * (0.5L - r));
}

/* ---- errors in units of the last place ---- */
static double ulps(long double got, long double want, int digits, int min_exponent) {
  if (got == want)
    return 0;
  int e;
  frexpl(want, &e);
  if (e < min_exponent)
    e = min_exponent;
  return (double)(fabsl(got - want) / ldexpl(1.0L, e - digits));
}

static double ulps32(float got, long double want) {
  if ((float)want == got)
    return got == want ? 0 : ulps(got, want, FLT_MANT_DIG, FLT_MIN_EXP);
  if (isinf((float)want) || isinf(got))
    return INFINITY;
  return ulps(got, want, FLT_MANT_DIG, FLT_MIN_EXP);
}

static double ulps64(double got, long double want) {
  if (isinf((double)want) || isinf(got))
    return (double)want == got ? 0 : INFINITY;
  return ulps(got, want, DBL_MANT_DIG, DBL_MIN_EXP);
}

/* Functions under test; the wrappers give the inline functions an address. */
#define WRAP32(name)                                                                               \
  static float call_##name(float x) {                                                              \
    return lsi_##name(x);                                                                          \
  }
WRAP32(expf)
WRAP32(logf) WRAP32(log1pf) WRAP32(tanhf) WRAP32(sigmoidf) WRAP32(erff)
#define WRAP64(name)                                                                               \
  static double call_##name(double x) {                                                            \
    return lsi_##name(x);                                                                          \
  }
    WRAP64(exp) WRAP64(log) WRAP64(cos_pi)

        typedef struct function32 {
  const char *name;
  float (*call)(float);
  long double (*reference)(long double);
  float low, high; /* domain scanned */
  double bound;    /* ulp, as stated in the header */
} function32;

static const function32 functions32[] = {
    {"expf", call_expf, expl, -104.5f, 88.722832f, 2},
    {"logf", call_logf, logl, 0x1p-149f, FLT_MAX, 2},
    {"log1pf", call_log1pf, log1pl, -0.99999994f, FLT_MAX, 2},
    {"tanhf", call_tanhf, tanhl, -FLT_MAX, FLT_MAX, 2},
    {"sigmoidf", call_sigmoidf, sigmoid_l, -105.0f, FLT_MAX, 3},
    {"erff", call_erff, erfl, -FLT_MAX, FLT_MAX, 3},
};

/* Every stride-th bit pattern: all exponents, both signs, denormals included. */
static void scan32(const function32 *f, uint32_t stride) {
  double worst = 0;
  float worst_x = 0;
  long n = 0;
  for (uint64_t bits = 0; bits <= UINT32_MAX; bits += stride) {
    float x = lsi_bits_float((uint32_t)bits);
    if (!(x >= f->low && x <= f->high))
      continue;
    double error = ulps32(f->call(x), f->reference(x));
    n++;
    if (error > worst) {
      worst = error;
      worst_x = x;
    }
  }
  print_message("%-9s %8ld points, largest error %.3f ulp at %a (stated %g)\n", f->name, n, worst,
                worst_x, f->bound);
  assert_true(n > 10000);
  assert_true(worst <= f->bound);
}

static void test_floats_are_within_their_stated_bounds(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof functions32 / sizeof *functions32; i++)
    scan32(&functions32[i], 4099);
}

/* Where the function does its work, a linear scan sees more than bit patterns do. */
static void test_floats_in_their_working_range(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof functions32 / sizeof *functions32; i++) {
    const function32 *f = &functions32[i];
    double worst = 0;
    for (int k = -400000; k <= 400000; k++) {
      float x = (float)k * 2.5e-5f + 1e-7f;
      if (!(x >= f->low && x <= f->high))
        continue;
      double error = ulps32(f->call(x), f->reference(x));
      if (error > worst)
        worst = error;
    }
    print_message("%-9s in [-10, 10]: %.3f ulp\n", f->name, worst);
    assert_true(worst <= f->bound);
  }
}

static double random_unit(uint64_t *s) {
  *s = *s * 6364136223846793005u + 1442695040888963407u;
  return (double)(*s >> 11) * 0x1p-53;
}

static void scan64(const char *name, double (*call)(double), long double (*reference)(long double),
                   double low, double high, double bound) {
  uint64_t s = 1;
  double worst = 0, worst_x = 0;
  for (int i = 0; i < 400000; i++) {
    double x = low + (high - low) * random_unit(&s);
    double error = ulps64(call(x), reference(x));
    if (error > worst) {
      worst = error;
      worst_x = x;
    }
  }
  print_message("%-6s on [%g, %g]: %.3f ulp at %a\n", name, low, high, worst, worst_x);
  assert_true(worst <= bound);
}

static void test_doubles_are_within_their_stated_bounds(void **state) {
  (void)state;
  scan64("exp", call_exp, expl, -1, 1, 1);
  scan64("exp", call_exp, expl, -745, 709, 1);
  scan64("log", call_log, logl, 0.5, 2, 1);
  scan64("log", call_log, logl, 0.99, 1.01, 1);
  scan64("log", call_log, logl, 1e-300, 1e300, 1);
  scan64("log", call_log, logl, 0x1p-1074, 0x1p-1022, 1);
  scan64("cos_pi", call_cos_pi, cos_pi_l, -4, 4, 2);
  scan64("cos_pi", call_cos_pi, cos_pi_l, 0.49, 0.51, 2);
  scan64("cos_pi", call_cos_pi, cos_pi_l, -1e6, 1e6, 2);
}

static void test_pow(void **state) {
  (void)state;
  uint64_t s = 9;
  double worst = 0;
  for (int i = 0; i < 400000; i++) {
    double x = exp(-6 + 12 * random_unit(&s)), y = -100 + 200 * random_unit(&s);
    double error = ulps64(lsi_pow(x, y), powl(x, y));
    if (error > worst)
      worst = error;
  }
  print_message("pow: %.3f ulp\n", worst);
  assert_true(worst <= 3);
  assert_true(ulps64(lsi_pow(0.999, 1e6), powl(0.999, 1e6L)) <= 3);
  assert_true(lsi_pow(2.0, 10.0) == 1024.0);
  assert_true(lsi_pow(3.0, 0.0) == 1.0);
  assert_true(lsi_pow(1.0, 1e300) == 1.0);
  assert_true(lsi_pow(10.0, 400.0) == INFINITY);
  assert_true(lsi_pow(10.0, -400.0) == 0.0);
  assert_true(lsi_pow(10.0, 1e308) == INFINITY);
}

static int same(float a, float b) {
  return (isnan(a) && isnan(b)) || lsi_float_bits(a) == lsi_float_bits(b);
}

#define ASSERT_SAME(expression, want)                                                              \
  do {                                                                                             \
    float got_ = (expression);                                                                     \
    if (!same(got_, (want)))                                                                       \
      fail_msg("%s is %a, not %a", #expression, got_, (float)(want));                              \
  } while (0)

static void test_special_floats(void **state) {
  (void)state;
  const float inf = INFINITY;
  ASSERT_SAME(lsi_expf(0.0f), 1.0f);
  ASSERT_SAME(lsi_expf(-0.0f), 1.0f);
  ASSERT_SAME(lsi_expf(inf), inf);
  ASSERT_SAME(lsi_expf(-inf), 0.0f);
  ASSERT_SAME(lsi_expf(88.73f), inf);
  ASSERT_SAME(lsi_expf(FLT_MAX), inf);
  ASSERT_SAME(lsi_expf(-FLT_MAX), 0.0f);
  ASSERT_SAME(lsi_expf(-104.0f), 0.0f);
  ASSERT_SAME(lsi_expf(-103.9f), 0x1p-149f);
  ASSERT_SAME(lsi_expf(NAN), NAN);
  ASSERT_SAME(lsi_logf(1.0f), 0.0f);
  ASSERT_SAME(lsi_logf(0.0f), -inf);
  ASSERT_SAME(lsi_logf(-0.0f), -inf);
  ASSERT_SAME(lsi_logf(-1.0f), NAN);
  ASSERT_SAME(lsi_logf(-inf), NAN);
  ASSERT_SAME(lsi_logf(inf), inf);
  ASSERT_SAME(lsi_logf(NAN), NAN);
  ASSERT_SAME(lsi_log1pf(0.0f), 0.0f);
  ASSERT_SAME(lsi_log1pf(-0.0f), -0.0f);
  ASSERT_SAME(lsi_log1pf(-1.0f), -inf);
  ASSERT_SAME(lsi_log1pf(-1.5f), NAN);
  ASSERT_SAME(lsi_log1pf(inf), inf);
  ASSERT_SAME(lsi_log1pf(NAN), NAN);
  ASSERT_SAME(lsi_tanhf(0.0f), 0.0f);
  ASSERT_SAME(lsi_tanhf(-0.0f), -0.0f);
  ASSERT_SAME(lsi_tanhf(inf), 1.0f);
  ASSERT_SAME(lsi_tanhf(-inf), -1.0f);
  ASSERT_SAME(lsi_tanhf(NAN), NAN);
  ASSERT_SAME(lsi_sigmoidf(0.0f), 0.5f);
  ASSERT_SAME(lsi_sigmoidf(inf), 1.0f);
  ASSERT_SAME(lsi_sigmoidf(-inf), 0.0f);
  ASSERT_SAME(lsi_sigmoidf(NAN), NAN);
  ASSERT_SAME(lsi_erff(0.0f), 0.0f);
  ASSERT_SAME(lsi_erff(-0.0f), -0.0f);
  ASSERT_SAME(lsi_erff(inf), 1.0f);
  ASSERT_SAME(lsi_erff(-inf), -1.0f);
  ASSERT_SAME(lsi_erff(NAN), NAN);
}

static void test_special_doubles(void **state) {
  (void)state;
  assert_true(lsi_exp(0.0) == 1.0);
  assert_true(lsi_exp(INFINITY) == INFINITY && lsi_exp(710.0) == INFINITY);
  assert_true(lsi_exp(-INFINITY) == 0.0 && lsi_exp(-746.0) == 0.0);
  assert_true(lsi_exp(-744.4) == 0x1p-1074);
  assert_true(isnan(lsi_exp(NAN)));
  assert_true(lsi_log(1.0) == 0.0 && lsi_log(0.0) == -INFINITY && lsi_log(INFINITY) == INFINITY);
  assert_true(isnan(lsi_log(-1.0)) && isnan(lsi_log(NAN)));
  assert_true(lsi_cos_pi(0.0) == 1.0 && lsi_cos_pi(0.5) == 0.0 && lsi_cos_pi(1.0) == -1.0);
  assert_true(lsi_cos_pi(-1.5) == 0.0 && lsi_cos_pi(2.0) == 1.0 && lsi_cos_pi(1e300) == 1.0);
  assert_true(lsi_cos_pi(0x1p52 + 1) == -1.0);
  assert_true(isnan(lsi_cos_pi(INFINITY)) && isnan(lsi_cos_pi(NAN)));
}

/* ---- equal bits at every ISA level ---- */
enum { N_POINTS = 100003, N_FUNCTIONS = 9 };
static float input[N_POINTS], level_out[2][N_FUNCTIONS][N_POINTS];

/* always_inline: compiled at the level of the function that holds it. */
LSI_INLINE void all_functions(float out[N_FUNCTIONS][N_POINTS]) {
  for (int i = 0; i < N_POINTS; i++)
    out[0][i] = lsi_expf(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[1][i] = lsi_logf(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[2][i] = lsi_log1pf(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[3][i] = lsi_tanhf(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[4][i] = lsi_sigmoidf(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[5][i] = lsi_erff(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[6][i] = (float)lsi_exp(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[7][i] = (float)lsi_log(input[i]);
  for (int i = 0; i < N_POINTS; i++)
    out[8][i] = (float)lsi_cos_pi(input[i]);
}

static void level_base(float out[N_FUNCTIONS][N_POINTS]) {
  all_functions(out);
}

static void fill_input(void) {
  for (uint32_t i = 0; i < N_POINTS; i++)
    input[i] = i % 2 ? lsi_bits_float(i * 42949u) : ((float)i - 50000.0f) * 0.002f;
}

static void compare_levels(const char *name) {
  for (int f = 0; f < N_FUNCTIONS; f++)
    for (int i = 0; i < N_POINTS; i++)
      if (!same(level_out[0][f][i], level_out[1][f][i]))
        fail_msg("function %d at %a: %a by default, %a at %s", f, input[i], level_out[0][f][i],
                 level_out[1][f][i], name);
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target("arch=x86-64-v3"))) static void level_v3(float out[N_FUNCTIONS][N_POINTS]) {
  all_functions(out);
}

__attribute__((target("arch=x86-64-v4"))) static void level_v4(float out[N_FUNCTIONS][N_POINTS]) {
  all_functions(out);
}

static void test_every_isa_level_gives_equal_bits(void **state) {
  (void)state;
  fill_input();
  level_base(level_out[0]);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    level_v3(level_out[1]);
    compare_levels("x86-64-v3");
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    level_v4(level_out[1]);
    compare_levels("x86-64-v4");
  }
}
#else
static void test_every_isa_level_gives_equal_bits(void **state) {
  (void)state;
  fill_input();
  level_base(level_out[0]);
  level_base(level_out[1]);
  compare_levels("the same level");
}
#endif

/* ---- LSI_CLONES ---- */
LSI_CLONES void test_clone_exp(float *out);
LSI_CLONES void test_clone_exp(float *out) {
  for (int i = 0; i < N_POINTS; i++)
    out[i] = lsi_expf(input[i]);
}

static void test_clones_dispatch_and_agree(void **state) {
  (void)state;
  fill_input();
  test_clone_exp(level_out[1][0]);
  for (int i = 0; i < N_POINTS; i++)
    ASSERT_SAME(level_out[1][0][i], call_expf(input[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_floats_are_within_their_stated_bounds),
      cmocka_unit_test(test_floats_in_their_working_range),
      cmocka_unit_test(test_doubles_are_within_their_stated_bounds),
      cmocka_unit_test(test_pow),
      cmocka_unit_test(test_special_floats),
      cmocka_unit_test(test_special_doubles),
      cmocka_unit_test(test_every_isa_level_gives_equal_bits),
      cmocka_unit_test(test_clones_dispatch_and_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
