/*
 * P-256 beside OpenSSL, which multiplies by secrets (threshold/group/p256.ts) and gives x coordinates only. Here: decoding,
 * and the way back from x coordinates to a whole point, which is constant-time. p256.h says what the bytes of a point are.
 */
#include "p256.h"

#include <string.h>

#define COMPRESSED 33

/* 33 bytes to a point; undefined where they are no compressed point (SEC 1 section 2.3.4). */
static napi_value decode(napi_env env, napi_callback_info info) {
  /* p is 3 modulo 4, so a root of a square is its power (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94. */
  static const coordinate root = {0x0000000000000000, 0x0000000040000000, 0x4000000000000000, 0x3fffffffc0000000};
  napi_value argument;
  napi_value array = NULL;
  const uint8_t *encoded = NULL;
  struct affine point;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, COMPRESSED, &encoded)) {
    return NULL;
  }
  if ((encoded[0] != 2 && encoded[0] != 3) || !load_coordinate(point.x, encoded + 1)) {
    return NULL;
  }
  coordinate plain;
  right_side(point.y, point.x);
  multiply(plain, point.y, plain_one);
  symbolon_power(plain, plain, root, &field);
  /* No root is zero: no point has y = 0, for the order of the group is odd. */
  if ((plain[0] & 1) != (encoded[0] & 1U)) {
    static const coordinate zero;
    subtract(plain, zero, plain);
  }
  multiply(point.y, plain, field.square);
  if (!on_curve(&point)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, POINT, &array);
  if (out == NULL) {
    return NULL;
  }
  store_coordinate(out, point.x);
  store_coordinate(out + 32, point.y);
  return array;
}

/*
 * P, x of k * P and x of (k + 1) * P to the whole of k * P, in constant time. With P = (x, y), k * P = (x1, y1) and
 * (k + 1) * P = k * P + P at x2, the law of addition says (y1 - y)^2 = (x + x1 + x2) (x1 - x)^2, so that
 * 2 y y1 = y1^2 + y^2 - (x + x1 + x2) (x1 - x)^2, and y1^2 is known from x1. It holds for k = 1 too.
 */
static napi_value recover(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value array = NULL;
  const uint8_t *bytes = NULL;
  const uint8_t *x1 = NULL;
  const uint8_t *x2 = NULL;
  if (!symbolon_arguments(env, info, 3, arguments, NULL) || !symbolon_bytes(env, arguments[0], POINT, &bytes) ||
      !symbolon_bytes(env, arguments[1], 32, &x1) || !symbolon_bytes(env, arguments[2], 32, &x2)) {
    return NULL;
  }
  struct affine point;
  if (!load_point(&point, bytes)) {
    return symbolon_refuse(env, "not a point of P-256");
  }
  struct affine product;
  coordinate sum, slope, twice;
  bool good = load_coordinate(product.x, x1) && load_coordinate(sum, x2);
  add(sum, sum, product.x);
  add(sum, sum, point.x);
  subtract(slope, product.x, point.x);
  square(slope, slope);
  multiply(slope, slope, sum);
  right_side(product.y, product.x);
  square(sum, point.y);
  add(product.y, product.y, sum);
  subtract(product.y, product.y, slope);
  add(twice, point.y, point.y);
  invert(twice, twice);
  multiply(product.y, product.y, twice);
  good = on_curve(&product) && good;
  uint8_t *out = good ? symbolon_new_bytes(env, POINT, &array) : NULL;
  if (out != NULL) {
    store_coordinate(out, product.x);
    store_coordinate(out + 32, product.y);
  }
  explicit_bzero(&product, sizeof product);
  explicit_bzero(sum, sizeof sum);
  explicit_bzero(slope, sizeof slope);
  return good ? array : symbolon_refuse(env, "no multiple of this point has these coordinates");
}

bool symbolon_register_p256(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"decode", decode},
      {"recover", recover},
      {"publicSum", symbolon_p256_public_sum},
      {"add", symbolon_p256_add},
      {"negate", symbolon_p256_negate},
  };
  return symbolon_define_under(env, exports, "p256", functions, sizeof functions / sizeof functions[0], NULL);
}
