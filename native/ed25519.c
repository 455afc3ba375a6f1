/*
 * The prime-order subgroup of edwards25519 by libsodium, whose arithmetic is constant-time. Points are their 32 bytes
 * of RFC 8032 section 5.1.2, also the identity, which `decode` of the group above refuses.
 *
 * Sums of public terms are in edwards.c, in variable time.
 *
 * What libsodium does that one must know: its products answer with an error where the result would be the identity,
 * clear the top bit of the scalar (scalars here are below 2^253), and check the point's subgroup on every call;
 * additions check that points are on the curve and no more.
 */
#include "addon.h"
#include "edwards.h"
#include "modular.h"

#include <errno.h>
#include <sodium.h>

#define POINT 32
#define SCALAR 32

static const char not_point[] = "not a point of the subgroup of edwards25519";
static const char not_scalar[] = "not a scalar below the order";
static const char not_secret[] = "not a secret scalar: zero, or not below the order";

static bool is_scalar(const uint8_t scalar[SCALAR]) { return symbolon_is_value(scalar, &symbolon_order_ed25519); }

/* Every check of RFC 9591 section 3.1 and of section 6.1: canonical, on the curve, in the subgroup, not the identity. */
static napi_value is_element(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *point = NULL;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, POINT, &point)) {
    return NULL;
  }
  return symbolon_boolean(env, crypto_core_ed25519_is_valid_point(point) == 1);
}

static napi_value base_product(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *secret = NULL;
  napi_value array = NULL;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, SCALAR, &secret)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, POINT, &array);
  if (out == NULL) {
    return NULL;
  }
  if (!is_scalar(secret) || crypto_scalarmult_ed25519_base_noclamp(out, secret) != 0) {
    return symbolon_refuse(env, not_secret);
  }
  return array;
}

static napi_value product(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *point = NULL;
  const uint8_t *secret = NULL;
  napi_value array = NULL;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) || !symbolon_bytes(env, arguments[0], POINT, &point) ||
      !symbolon_bytes(env, arguments[1], SCALAR, &secret)) {
    return NULL;
  }
  if (!is_scalar(secret) || sodium_is_zero(secret, SCALAR) == 1) {
    return symbolon_refuse(env, not_secret);
  }
  uint8_t *out = symbolon_new_bytes(env, POINT, &array);
  if (out == NULL) {
    return NULL;
  }
  return crypto_scalarmult_ed25519_noclamp(out, secret, point) == 0 ? array : symbolon_refuse(env, not_point);
}

/* n points and n public scalars to the sum of their products. Variable time. */
static napi_value public_sum(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *points = NULL;
  const uint8_t *scalars = NULL;
  size_t count = 0;
  napi_value array = NULL;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_items(env, arguments[0], POINT, &points, &count) ||
      !symbolon_bytes(env, arguments[1], count * SCALAR, &scalars)) {
    return NULL;
  }
  for (size_t i = 0; i < count; i += 1) {
    if (!is_scalar(scalars + i * SCALAR)) {
      return symbolon_refuse(env, not_scalar);
    }
  }
  uint8_t *sum = symbolon_new_bytes(env, POINT, &array);
  if (sum == NULL) {
    return NULL;
  }
  return symbolon_edwards_sum(sum, points, scalars, count) ? array : symbolon_refuse(env, not_point);
}

static napi_value add(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *a = NULL;
  const uint8_t *b = NULL;
  napi_value array = NULL;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) || !symbolon_bytes(env, arguments[0], POINT, &a) ||
      !symbolon_bytes(env, arguments[1], POINT, &b)) {
    return NULL;
  }
  uint8_t *sum = symbolon_new_bytes(env, POINT, &array);
  if (sum == NULL) {
    return NULL;
  }
  return crypto_core_ed25519_add(sum, a, b) == 0 ? array : symbolon_refuse(env, not_point);
}

bool symbolon_register_ed25519(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"isElement", is_element}, {"baseProduct", base_product}, {"product", product},
      {"publicSum", public_sum}, {"add", add},
  };
  if (sodium_init() < 0) {
    symbolon_throw(env, ENOTSUP, "sodium_init");
    return false;
  }
  return symbolon_define_under(env, exports, "ed25519", functions, sizeof functions / sizeof functions[0], NULL);
}
