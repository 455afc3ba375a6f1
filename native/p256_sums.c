/*
 * Sums of public points of P-256 and of their products with public scalars, in variable time: no secret may come here.
 * p256.h says what the bytes of a point are.
 */
#include "p256.h"

#include <string.h>

#define SCALAR 32
/* Terms of a sum that share their doublings; their tables lie on the stack. */
#define CHUNK 16
#define ODD_MULTIPLES 8

static const char not_point[] = "not a point of P-256";
static const char not_scalar[] = "not a scalar below the order";

/* x / z^2 and y / z^3; z is zero for the identity. */
struct jacobian {
  coordinate x;
  coordinate y;
  coordinate z;
};

static napi_value affine_of(napi_env env, const struct jacobian *point) {
  napi_value array = NULL;
  uint8_t *out = symbolon_new_bytes(env, POINT, &array);
  if (out != NULL && is_zero(point->z) == 0) {
    coordinate inverse;
    coordinate power;
    coordinate value;
    invert(inverse, point->z);
    square(power, inverse);
    multiply(value, point->x, power);
    store_coordinate(out, value);
    multiply(power, power, inverse);
    multiply(value, point->y, power);
    store_coordinate(out + 32, value);
  }
  return out == NULL ? NULL : array;
}

/* Bernstein and Lange, Explicit-Formulas Database, dbl-2001-b: right for the identity too. */
static void double_point(struct jacobian *out, const struct jacobian *p) {
  coordinate delta, gamma, beta, alpha, sum;
  square(delta, p->z);
  square(gamma, p->y);
  multiply(beta, p->x, gamma);
  subtract(alpha, p->x, delta);
  add(sum, p->x, delta);
  multiply(alpha, alpha, sum);
  add(sum, alpha, alpha);
  add(alpha, sum, alpha);
  /* z = (y + z)^2 - gamma - delta, while y and z of the argument are still needed nowhere else */
  add(sum, p->y, p->z);
  square(sum, sum);
  subtract(sum, sum, gamma);
  subtract(out->z, sum, delta);
  add(beta, beta, beta);
  add(beta, beta, beta);
  square(out->x, alpha);
  subtract(out->x, out->x, beta);
  subtract(out->x, out->x, beta);
  subtract(beta, beta, out->x);
  multiply(out->y, alpha, beta);
  square(gamma, gamma);
  add(gamma, gamma, gamma);
  add(gamma, gamma, gamma);
  add(gamma, gamma, gamma);
  subtract(out->y, out->y, gamma);
}

/* The sum of any two points, also of equal and of opposite ones. */
static void add_points(struct jacobian *out, const struct jacobian *p, const struct jacobian *q) {
  if (is_zero(p->z) || is_zero(q->z)) {
    *out = is_zero(p->z) ? *q : *p;
    return;
  }
  coordinate zz1, zz2, u1, u2, s1, s2, h, r;
  square(zz1, p->z);
  square(zz2, q->z);
  multiply(u1, p->x, zz2);
  multiply(u2, q->x, zz1);
  multiply(s1, zz2, q->z);
  multiply(s1, s1, p->y);
  multiply(s2, zz1, p->z);
  multiply(s2, s2, q->y);
  subtract(h, u2, u1);
  subtract(r, s2, s1);
  if (is_zero(h)) {
    if (is_zero(r)) {
      double_point(out, p);
    } else {
      memset(out, 0, sizeof *out);
    }
    return;
  }
  coordinate hh, hhh;
  square(hh, h);
  multiply(hhh, hh, h);
  multiply(u1, u1, hh);
  multiply(h, h, p->z);
  multiply(out->z, h, q->z);
  square(out->x, r);
  subtract(out->x, out->x, hhh);
  subtract(out->x, out->x, u1);
  subtract(out->x, out->x, u1);
  subtract(u1, u1, out->x);
  multiply(u1, u1, r);
  multiply(s1, s1, hhh);
  subtract(out->y, u1, s1);
}

static void negate_point(struct jacobian *out, const struct jacobian *p) {
  static const coordinate zero;
  *out = *p;
  subtract(out->y, zero, p->y);
}

/* False where the bytes are no point; the identity passes. */
static bool load_any(struct jacobian *point, const uint8_t bytes[POINT]) {
  static const uint8_t identity[POINT];
  struct affine affine;
  memset(point, 0, sizeof *point);
  if (memcmp(bytes, identity, POINT) == 0) {
    return true;
  }
  if (!load_point(&affine, bytes)) {
    return false;
  }
  memcpy(point->x, affine.x, sizeof point->x);
  memcpy(point->y, affine.y, sizeof point->y);
  memcpy(point->z, field.one, sizeof point->z);
  return true;
}

/* Adds the products of at most CHUNK terms to `*sum` (Straus: one row of doublings for all). */
static bool add_products(struct jacobian *sum, const uint8_t *points, const uint8_t *scalars, size_t count,
                         const char **wrong) {
  struct jacobian tables[CHUNK][ODD_MULTIPLES];
  int8_t digits[CHUNK][SYMBOLON_DIGITS];
  for (size_t t = 0; t < count; t += 1) {
    struct jacobian *table = tables[t];
    struct jacobian twice;
    coordinate scalar;
    if (load_value(scalar, scalars + t * SCALAR, &symbolon_order_p256) == 0) {
      *wrong = not_scalar;
      return false;
    }
    if (!load_any(&table[0], points + t * POINT)) {
      *wrong = not_point;
      return false;
    }
    symbolon_recode(digits[t], scalar);
    double_point(&twice, &table[0]);
    for (int i = 1; i < ODD_MULTIPLES; i += 1) {
      add_points(&table[i], &table[i - 1], &twice);
    }
  }
  struct jacobian total;
  memset(&total, 0, sizeof total);
  for (int i = SYMBOLON_DIGITS - 1; i >= 0; i -= 1) {
    double_point(&total, &total);
    for (size_t t = 0; t < count; t += 1) {
      const int digit = digits[t][i];
      if (digit > 0) {
        add_points(&total, &total, &tables[t][digit / 2]);
      } else if (digit < 0) {
        struct jacobian negative;
        negate_point(&negative, &tables[t][-digit / 2]);
        add_points(&total, &total, &negative);
      }
    }
  }
  add_points(sum, sum, &total);
  return true;
}

/* n points and n public scalars to the sum of their products. Variable time. */
napi_value symbolon_p256_public_sum(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  const uint8_t *points = NULL;
  const uint8_t *scalars = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_items(env, arguments[0], POINT, &points, &count) ||
      !symbolon_bytes(env, arguments[1], count * SCALAR, &scalars)) {
    return NULL;
  }
  struct jacobian sum;
  memset(&sum, 0, sizeof sum);
  for (size_t i = 0; i < count; i += CHUNK) {
    const char *wrong = NULL;
    const size_t used = count - i < CHUNK ? count - i : CHUNK;
    if (!add_products(&sum, points + i * POINT, scalars + i * SCALAR, used, &wrong)) {
      return symbolon_refuse(env, wrong);
    }
  }
  return affine_of(env, &sum);
}

/* n points, at least one, to their sum. Variable time. */
napi_value symbolon_p256_add(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *points = NULL;
  size_t count = 0;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_items(env, argument, POINT, &points, &count)) {
    return NULL;
  }
  struct jacobian sum;
  memset(&sum, 0, sizeof sum);
  for (size_t i = 0; i < count; i += 1) {
    struct jacobian point;
    if (!load_any(&point, points + i * POINT)) {
      return symbolon_refuse(env, not_point);
    }
    add_points(&sum, &sum, &point);
  }
  return affine_of(env, &sum);
}

napi_value symbolon_p256_negate(napi_env env, napi_callback_info info) {
  napi_value argument;
  const uint8_t *bytes = NULL;
  struct jacobian point;
  if (!symbolon_arguments(env, info, 1, &argument, NULL) || !symbolon_bytes(env, argument, POINT, &bytes)) {
    return NULL;
  }
  if (!load_any(&point, bytes)) {
    return symbolon_refuse(env, not_point);
  }
  negate_point(&point, &point);
  return affine_of(env, &point);
}
