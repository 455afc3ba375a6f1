/*
 * Vectors and matrices of secret scalars modulo one order: the bulk arithmetic of vector OLE (threshold/dkls/kernel.ts
 * defines each operation). Constant-time in all values and bits; lengths, and whether a scalar is below the order, are
 * public. Each function of one order is registered with it.
 */
#include "addon.h"
#include "modular.h"

#include <string.h>

#define SCALAR 32
#define WIDE 48
#define COLUMNS 3

static const char not_scalars[] = "a scalar that is not below the order";

/* All ones where bit `i` is set, counted from the lowest of each byte, else zero. */
static uint64_t mask_at(const uint8_t *bits, size_t i) { return mask_of((uint64_t)(bits[i / 8] >> (i % 8)) & 1); }

static size_t bytes_of_bits(size_t count) { return (count + 7) / 8; }

/* Gives the result where every scalar was canonical; else wipes it and throws. */
static napi_value finish(napi_env env, uint64_t canonical, napi_value array, uint8_t *out, size_t length) {
  if (canonical == 1) {
    return array;
  }
  explicit_bzero(out, length);
  return symbolon_refuse(env, not_scalars);
}

static napi_value reduce_all(napi_env env, napi_callback_info info) {
  napi_value argument;
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *wide = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, &order) || !symbolon_items(env, argument, WIDE, &wide, &count)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, count * SCALAR, &array);
  if (out == NULL) {
    return NULL;
  }
  const struct modulus *modulus = order;
  uint64_t limbs[WIDE / 8];
  uint64_t value[LIMBS];
  for (size_t i = 0; i < count; i += 1) {
    load_limbs(limbs, WIDE / 8, wide + i * WIDE, modulus->little_endian);
    reduce_384(value, limbs, modulus);
    store_value(out + i * SCALAR, value, modulus);
  }
  explicit_bzero(limbs, sizeof limbs);
  explicit_bzero(value, sizeof value);
  return array;
}

static napi_value are_canonical(napi_env env, napi_callback_info info) {
  napi_value argument;
  void *order = NULL;
  const uint8_t *vector = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, &order) ||
      !symbolon_items(env, argument, SCALAR, &vector, &count)) {
    return NULL;
  }
  uint64_t canonical = 1;
  uint64_t value[LIMBS];
  for (size_t i = 0; i < count; i += 1) {
    canonical &= load_value(value, vector + i * SCALAR, order);
  }
  explicit_bzero(value, sizeof value);
  return symbolon_boolean(env, canonical == 1);
}

static napi_value difference_plus(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *a = NULL;
  const uint8_t *b = NULL;
  const uint8_t *offsets = NULL;
  size_t rows = 0;
  if (!symbolon_arguments(env, info, 3, arguments, &order) ||
      !symbolon_items(env, arguments[0], COLUMNS * SCALAR, &a, &rows) ||
      !symbolon_bytes(env, arguments[1], rows * COLUMNS * SCALAR, &b) ||
      !symbolon_bytes(env, arguments[2], COLUMNS * SCALAR, &offsets)) {
    return NULL;
  }
  const size_t length = rows * COLUMNS * SCALAR;
  uint8_t *out = symbolon_new_bytes(env, length, &array);
  if (out == NULL) {
    return NULL;
  }
  uint64_t canonical = 1;
  uint64_t offset[COLUMNS][LIMBS];
  uint64_t left[LIMBS];
  uint64_t right[LIMBS];
  for (size_t k = 0; k < COLUMNS; k += 1) {
    canonical &= load_value(offset[k], offsets + k * SCALAR, order);
  }
  for (size_t i = 0; i < rows * COLUMNS; i += 1) {
    canonical &= load_value(left, a + i * SCALAR, order);
    canonical &= load_value(right, b + i * SCALAR, order);
    subtract_mod(left, left, right, order);
    add_mod(left, left, offset[i % COLUMNS], order);
    store_value(out + i * SCALAR, left, order);
  }
  explicit_bzero(offset, sizeof offset);
  explicit_bzero(left, sizeof left);
  explicit_bzero(right, sizeof right);
  return finish(env, canonical, array, out, length);
}

static napi_value add_selected(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *a = NULL;
  const uint8_t *b = NULL;
  const uint8_t *bits = NULL;
  size_t rows = 0;
  if (!symbolon_arguments(env, info, 3, arguments, &order) ||
      !symbolon_items(env, arguments[0], COLUMNS * SCALAR, &a, &rows) ||
      !symbolon_bytes(env, arguments[1], rows * COLUMNS * SCALAR, &b) ||
      !symbolon_bytes(env, arguments[2], bytes_of_bits(rows), &bits)) {
    return NULL;
  }
  const size_t length = rows * COLUMNS * SCALAR;
  uint8_t *out = symbolon_new_bytes(env, length, &array);
  if (out == NULL) {
    return NULL;
  }
  uint64_t canonical = 1;
  uint64_t left[LIMBS];
  uint64_t right[LIMBS];
  for (size_t i = 0; i < rows * COLUMNS; i += 1) {
    const uint64_t mask = mask_at(bits, i / COLUMNS);
    canonical &= load_value(left, a + i * SCALAR, order);
    canonical &= load_value(right, b + i * SCALAR, order);
    for (int limb = 0; limb < LIMBS; limb += 1) {
      right[limb] &= mask;
    }
    add_mod(left, left, right, order);
    store_value(out + i * SCALAR, left, order);
  }
  explicit_bzero(left, sizeof left);
  explicit_bzero(right, sizeof right);
  return finish(env, canonical, array, out, length);
}

static napi_value combine_columns(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *matrix = NULL;
  const uint8_t *weights = NULL;
  size_t rows = 0;
  if (!symbolon_arguments(env, info, 2, arguments, &order) ||
      !symbolon_items(env, arguments[0], COLUMNS * SCALAR, &matrix, &rows) ||
      !symbolon_bytes(env, arguments[1], COLUMNS * SCALAR, &weights)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, rows * SCALAR, &array);
  if (out == NULL) {
    return NULL;
  }
  const struct modulus *modulus = order;
  uint64_t canonical = 1;
  uint64_t weight[COLUMNS][LIMBS];
  uint64_t value[LIMBS];
  uint64_t sum[LIMBS];
  for (size_t k = 0; k < COLUMNS; k += 1) {
    canonical &= load_value(weight[k], weights + k * SCALAR, modulus);
    /* In Montgomery's form, so that each product below comes out plain. */
    multiply_montgomery(weight[k], weight[k], modulus->square, modulus);
  }
  for (size_t j = 0; j < rows; j += 1) {
    memset(sum, 0, sizeof sum);
    for (size_t k = 0; k < COLUMNS; k += 1) {
      canonical &= load_value(value, matrix + (j * COLUMNS + k) * SCALAR, modulus);
      multiply_montgomery(value, value, weight[k], modulus);
      add_mod(sum, sum, value, modulus);
    }
    store_value(out + j * SCALAR, sum, modulus);
  }
  explicit_bzero(weight, sizeof weight);
  explicit_bzero(value, sizeof value);
  explicit_bzero(sum, sizeof sum);
  return finish(env, canonical, array, out, rows * SCALAR);
}

static napi_value subtract_selected(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *vector = NULL;
  const uint8_t *bits = NULL;
  const uint8_t *x = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 3, arguments, &order) ||
      !symbolon_items(env, arguments[0], SCALAR, &vector, &count) ||
      !symbolon_bytes(env, arguments[1], bytes_of_bits(count), &bits) ||
      !symbolon_bytes(env, arguments[2], SCALAR, &x)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, count * SCALAR, &array);
  if (out == NULL) {
    return NULL;
  }
  uint64_t canonical = 1;
  uint64_t minus[LIMBS];
  uint64_t selected[LIMBS];
  uint64_t value[LIMBS];
  canonical &= load_value(minus, x, order);
  for (size_t j = 0; j < count; j += 1) {
    const uint64_t mask = mask_at(bits, j);
    for (int limb = 0; limb < LIMBS; limb += 1) {
      selected[limb] = minus[limb] & mask;
    }
    canonical &= load_value(value, vector + j * SCALAR, order);
    subtract_mod(value, value, selected, order);
    store_value(out + j * SCALAR, value, order);
  }
  explicit_bzero(minus, sizeof minus);
  explicit_bzero(selected, sizeof selected);
  explicit_bzero(value, sizeof value);
  return finish(env, canonical, array, out, count * SCALAR);
}

static napi_value sum_rows(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *matrix = NULL;
  const uint8_t *weights = NULL;
  size_t rows = 0;
  if (!symbolon_arguments(env, info, 2, arguments, &order) ||
      !symbolon_items(env, arguments[0], COLUMNS * SCALAR, &matrix, &rows) ||
      !symbolon_bytes(env, arguments[1], rows * SCALAR, &weights)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, COLUMNS * SCALAR, &array);
  if (out == NULL) {
    return NULL;
  }
  const struct modulus *modulus = order;
  uint64_t canonical = 1;
  uint64_t sums[COLUMNS][SUM_LIMBS] = {{0}};
  uint64_t weight[LIMBS];
  uint64_t value[LIMBS];
  for (size_t j = 0; j < rows; j += 1) {
    canonical &= load_value(weight, weights + j * SCALAR, modulus);
    for (size_t k = 0; k < COLUMNS; k += 1) {
      canonical &= load_value(value, matrix + (j * COLUMNS + k) * SCALAR, modulus);
      add_product(sums[k], value, weight);
    }
  }
  for (size_t k = 0; k < COLUMNS; k += 1) {
    reduce_sum(value, sums[k], modulus);
    store_value(out + k * SCALAR, value, modulus);
  }
  explicit_bzero(sums, sizeof sums);
  explicit_bzero(weight, sizeof weight);
  explicit_bzero(value, sizeof value);
  return finish(env, canonical, array, out, COLUMNS * SCALAR);
}

static napi_value sum_selected(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value array = NULL;
  void *order = NULL;
  const uint8_t *vector = NULL;
  const uint8_t *bits = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 2, arguments, &order) ||
      !symbolon_items(env, arguments[0], SCALAR, &vector, &count) ||
      !symbolon_bytes(env, arguments[1], bytes_of_bits(count), &bits)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, SCALAR, &array);
  if (out == NULL) {
    return NULL;
  }
  uint64_t canonical = 1;
  uint64_t sum[LIMBS] = {0};
  uint64_t value[LIMBS];
  for (size_t j = 0; j < count; j += 1) {
    const uint64_t mask = mask_at(bits, j);
    canonical &= load_value(value, vector + j * SCALAR, order);
    for (int limb = 0; limb < LIMBS; limb += 1) {
      value[limb] &= mask;
    }
    add_mod(sum, sum, value, order);
  }
  store_value(out, sum, order);
  explicit_bzero(sum, sizeof sum);
  explicit_bzero(value, sizeof value);
  return finish(env, canonical, array, out, SCALAR);
}

bool symbolon_register_vectors(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"reduceWide", reduce_all},          {"areCanonical", are_canonical}, {"differencePlus", difference_plus},
      {"addSelected", add_selected},       {"combineColumns", combine_columns},
      {"subtractSelected", subtract_selected}, {"sumRows", sum_rows},       {"sumSelected", sum_selected},
  };
  const size_t count = sizeof functions / sizeof functions[0];
  return symbolon_define_under(env, exports, "scalarsSecp256k1", functions, count, &symbolon_order_secp256k1) &&
         symbolon_define_under(env, exports, "scalarsP256", functions, count, &symbolon_order_p256) &&
         symbolon_define_under(env, exports, "scalarsEd25519", functions, count, &symbolon_order_ed25519);
}
