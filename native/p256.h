/*
 * The field and the curve equation of P-256 (SP 800-186 section 3.2.1.3), for p256.c and p256_sums.c: constant-time.
 * Coordinates are below p and in Montgomery's form. Outside, a point is 64 bytes: affine x and y, big-endian; 64 zero bytes
 * are the identity, which is no point of the equation.
 */
#ifndef SYMBOLON_P256_H
#define SYMBOLON_P256_H

#include "addon.h"
#include "modular.h"

#define POINT 64

typedef uint64_t coordinate[LIMBS];

/* 2^256 - 2^224 + 2^192 + 2^96 - 1 */
static const struct modulus field = {
    .m = {0xffffffffffffffff, 0x00000000ffffffff, 0x0000000000000000, 0xffffffff00000001},
    .inverse = 0x0000000000000001,
    .one = {0x0000000000000001, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe},
    .square = {0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd},
    .little_endian = false,
};
/* b of the equation y^2 = x^3 - 3x + b */
static const coordinate plain_b = {0x3bce3c3e27d2604b, 0x651d06b0cc53b0f6, 0xb3ebbd55769886bc, 0x5ac635d8aa3a93e7};
static const coordinate plain_one = {1};

struct affine {
  coordinate x;
  coordinate y;
};

static inline void multiply(coordinate out, const coordinate a, const coordinate b) {
  multiply_montgomery(out, a, b, &field);
}
static inline void square(coordinate out, const coordinate a) { multiply_montgomery(out, a, a, &field); }
static inline void add(coordinate out, const coordinate a, const coordinate b) { add_mod(out, a, b, &field); }
static inline void subtract(coordinate out, const coordinate a, const coordinate b) { subtract_mod(out, a, b, &field); }

static inline bool equal(const coordinate a, const coordinate b) {
  return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
}

/* x^3 - 3x + b */
static inline void right_side(coordinate out, const coordinate x) {
  coordinate b;
  coordinate three_x;
  add(three_x, x, x);
  add(three_x, three_x, x);
  multiply(b, plain_b, field.square);
  square(out, x);
  multiply(out, out, x);
  subtract(out, out, three_x);
  add(out, out, b);
}

static inline bool on_curve(const struct affine *point) {
  coordinate left;
  coordinate right;
  square(left, point->y);
  right_side(right, point->x);
  return equal(left, right);
}

static inline bool load_coordinate(coordinate out, const uint8_t bytes[32]) {
  const uint64_t below = load_value(out, bytes, &field);
  multiply(out, out, field.square);
  return below == 1;
}

static inline void store_coordinate(uint8_t bytes[32], const coordinate value) {
  coordinate plain;
  multiply(plain, value, plain_one);
  store_value(bytes, plain, &field);
}

static inline bool load_point(struct affine *point, const uint8_t bytes[POINT]) {
  return load_coordinate(point->x, bytes) && load_coordinate(point->y, bytes + 32) && on_curve(point);
}

/* `1 / value` of a value in Montgomery's form, in Montgomery's form. */
static inline void invert(coordinate out, const coordinate value) {
  multiply(out, value, plain_one);
  symbolon_invert(out, out, &field);
  multiply(out, out, field.square);
}

/* p256_sums.c: arithmetic of public points, in variable time. */
napi_value symbolon_p256_public_sum(napi_env env, napi_callback_info info);
napi_value symbolon_p256_add(napi_env env, napi_callback_info info);
napi_value symbolon_p256_negate(napi_env env, napi_callback_info info);

#endif
