/* SPDX-License-Identifier: MIT */
/*
 * Elementwise activations and their derivatives, from keras/src/activations and jax.nn. A
 * derivative is taken from y where that loses nothing, from z otherwise. All keep a NaN.
 */
#include "nn/activation_maps.h"

#include "math/elementary.h"
#include "nn/activation.h"

LSI_INLINE float softplus(float z) {
  return (z > 0.0f ? z : z != z ? z : 0.0f) + lsi_log1pf(lsi_expf(-fabsf(z)));
}

/* exp(z) - 1 for z <= 0, without cancellation: 2 t / (1 - t), t = tanh(z / 2). */
LSI_INLINE float expm1_below_0(float z) {
  float t = lsi_tanhf(0.5f * z);
  return 2.0f * t / (1.0f - t);
}

LSI_INLINE float hard_sigmoid(float z) {
  float x = z + 3.0f;
  x = x < 0.0f ? 0.0f : x;
  return (x > 6.0f ? 6.0f : x) / 6.0f;
}

/* Phi(z) and phi(z) of the unit normal. */
LSI_INLINE float normal_cdf(float z) {
  return 0.5f * (1.0f + lsi_erff(z * 0.70710678118654752f));
}

LSI_INLINE float normal_density(float z) {
  return 0.39894228040143268f * lsi_expf(-0.5f * z * z);
}

#define SELU_ALPHA  1.6732632423543772f
#define SELU_SCALE  1.0507009873554805f
#define LEAKY_SLOPE 0.2f

/* MAP(name, y of z, dy/dz of z and y): one loop each way. ivdep: arrays are equal or apart. */
#define MAP(name, value, slope)                                                                    \
  LSI_CLONES static void forward_##name(size_t n, const float *z_, float *y_) {                    \
    _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) {                                          \
      const float z = z_[i];                                                                       \
      y_[i] = (value);                                                                             \
    }                                                                                              \
  }                                                                                                \
  LSI_CLONES static void backward_##name(size_t n, const float *z_, const float *y_,               \
                                         const float *dy_, float *dz_) {                           \
    (void)z_, (void)y_;                                                                            \
    _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) {                                          \
      USE_##slope;                                                                                 \
    }                                                                                              \
  }
#define USE_Y(expression)                                                                          \
  const float y = y_[i];                                                                           \
  dz_[i] = dy_[i] * (expression)
#define USE_Z(expression)                                                                          \
  const float z = z_[i];                                                                           \
  dz_[i] = dy_[i] * (expression)

MAP(sigmoid, lsi_sigmoidf(z), Y(y *(1.0f - y)))
MAP(relu, z <= 0.0f ? 0.0f : z, Y(y > 0.0f ? 1.0f : 0.0f))
MAP(tanh, lsi_tanhf(z), Y(1.0f - y * y))
MAP(relu6, z <= 0.0f ? 0.0f : z > 6.0f ? 6.0f : z, Y(y > 0.0f && y < 6.0f ? 1.0f : 0.0f))
MAP(leaky_relu, z >= 0.0f ? z : LEAKY_SLOPE * z, Y(y >= 0.0f ? 1.0f : LEAKY_SLOPE))
MAP(elu, z > 0.0f ? z : expm1_below_0(z), Y(y > 0.0f ? 1.0f : y + 1.0f))
MAP(selu, SELU_SCALE *(z > 0.0f ? z : SELU_ALPHA * expm1_below_0(z)),
    Y(y > 0.0f ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA))
MAP(softplus, softplus(z), Z(lsi_sigmoidf(z)))
MAP(softsign, z / (fabsf(z) + 1.0f), Z(1.0f / ((fabsf(z) + 1.0f) * (fabsf(z) + 1.0f))))
MAP(silu, z *lsi_sigmoidf(z), Z(lsi_sigmoidf(z) * (1.0f + z * lsi_sigmoidf(-z))))
MAP(gelu, z *normal_cdf(z), Z(normal_cdf(z) + z * normal_density(z)))
MAP(hard_sigmoid, hard_sigmoid(z), Y(y > 0.0f && y < 1.0f ? 1.0f / 6.0f : 0.0f))
MAP(hard_silu, z *hard_sigmoid(z), Z(hard_sigmoid(z) + (fabsf(z) < 3.0f ? z / 6.0f : 0.0f)))
MAP(hard_tanh, z > 1.0f ? 1.0f : z < -1.0f ? -1.0f : z, Y(fabsf(y) < 1.0f ? 1.0f : 0.0f))
MAP(exponential, lsi_expf(z), Y(y))
MAP(log_sigmoid, -softplus(-z), Z(lsi_sigmoidf(-z)))
MAP(tanh_shrink, z - lsi_tanhf(z), Z(lsi_tanhf(z) * lsi_tanhf(z)))
MAP(soft_shrink, z - (z > 0.5f ? 0.5f : z < -0.5f ? -0.5f : z), Y(y != 0.0f ? 1.0f : 0.0f))
MAP(hard_shrink, fabsf(z) <= 0.5f ? 0.0f : z, Y(y != 0.0f ? 1.0f : 0.0f))
MAP(squareplus, 0.5f * (z + sqrtf(z * z + 4.0f)), Z(0.5f * (1.0f + z / sqrtf(z * z + 4.0f))))
MAP(sparse_plus,
    z <= -1.0f  ? 0.0f
    : z >= 1.0f ? z
                : (z + 1.0f) * (z + 1.0f) * 0.25f,
    Z(z <= -1.0f  ? 0.0f
      : z >= 1.0f ? 1.0f
                  : 0.5f * (z + 1.0f)))
MAP(sparse_sigmoid,
    z <= -1.0f  ? 0.0f
    : z >= 1.0f ? 1.0f
                : 0.5f * (z + 1.0f),
    Y(y > 0.0f && y < 1.0f ? 0.5f : 0.0f))

LSI_INLINE float mish_slope(float z) {
  float t = lsi_tanhf(softplus(z));
  return t + z * (1.0f - t * t) * lsi_sigmoidf(z);
}
MAP(mish, z *lsi_tanhf(softplus(z)), Z(mish_slope(z)))

enum { CHEAP = 8, COSTLY = 40 };
#define ENTRY(enumerator, keras_name, input, price)                                                \
  [LSI_ACT_##enumerator] = {.forward = forward_##keras_name,                                       \
                            .backward = backward_##keras_name,                                     \
                            .name = #keras_name,                                                   \
                            .needs_input = input,                                                  \
                            .cost = price}

const lsi_activation_map lsi_activation_maps[] = {
    [LSI_ACT_LINEAR] = {.name = "linear", .cost = CHEAP}, /* no loop: activation.c copies */
    ENTRY(SIGMOID, sigmoid, 0, COSTLY),
    ENTRY(RELU, relu, 0, CHEAP),
    ENTRY(TANH, tanh, 0, COSTLY),
    ENTRY(RELU6, relu6, 0, CHEAP),
    ENTRY(LEAKY_RELU, leaky_relu, 0, CHEAP),
    ENTRY(ELU, elu, 0, COSTLY),
    ENTRY(SELU, selu, 0, COSTLY),
    [LSI_ACT_CELU] = {.forward = forward_elu,
                      .backward = backward_elu,
                      .name = "celu",
                      .cost = COSTLY}, /* alpha 1 */
    ENTRY(SOFTPLUS, softplus, 1, COSTLY),
    ENTRY(SOFTSIGN, softsign, 1, CHEAP),
    ENTRY(SILU, silu, 1, COSTLY),
    ENTRY(GELU, gelu, 1, COSTLY),
    ENTRY(HARD_SIGMOID, hard_sigmoid, 0, CHEAP),
    ENTRY(HARD_SILU, hard_silu, 1, CHEAP),
    ENTRY(HARD_TANH, hard_tanh, 0, CHEAP),
    ENTRY(EXPONENTIAL, exponential, 0, COSTLY),
    ENTRY(MISH, mish, 1, COSTLY),
    ENTRY(LOG_SIGMOID, log_sigmoid, 1, COSTLY),
    ENTRY(TANH_SHRINK, tanh_shrink, 1, COSTLY),
    ENTRY(SOFT_SHRINK, soft_shrink, 0, CHEAP),
    ENTRY(HARD_SHRINK, hard_shrink, 0, CHEAP),
    ENTRY(SQUAREPLUS, squareplus, 1, CHEAP),
    ENTRY(SPARSE_PLUS, sparse_plus, 1, CHEAP),
    ENTRY(SPARSE_SIGMOID, sparse_sigmoid, 0, CHEAP),
    [LSI_ACT_SOFTMAX] = {.row_forward = lsi_softmax_rows,
                         .row_backward = lsi_softmax_rows_backward,
                         .name = "softmax",
                         .cost = COSTLY},
    [LSI_ACT_LOG_SOFTMAX] = {.row_forward = lsi_log_softmax_rows,
                             .row_backward = lsi_log_softmax_rows_backward,
                             .name = "log_softmax",
                             .cost = COSTLY},
    [LSI_ACT_SPARSEMAX] = {.row_forward = lsi_sparsemax_rows,
                           .row_backward_by_input = lsi_sparsemax_rows_backward,
                           .name = "sparsemax",
                           .needs_input = 1,
                           .cost = COSTLY},
};
