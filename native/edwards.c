/*
 * Sums of public scalars times public points of edwards25519, in variable time: libsodium has constant-time products
 * only, which check the subgroup again on each call. No secret may come here; ed25519.c is for those.
 *
 * Points are their 32 bytes of RFC 8032; they are decoded, and so known to be on the curve. That they are in the subgroup
 * is the promise of the caller, who decoded them with every check.
 */
#include "edwards.h"
#include "field25519.h"

#include <string.h>

/* Terms of a sum that share their doublings; their tables lie on the stack. */
#define CHUNK 16
#define ODD_MULTIPLES 8

/* d = -121665/121666 of the equation -x^2 + y^2 = 1 + d x^2 y^2, twice d, and a root of -1 (RFC 8032 section 5.1) */
static const element curve_d = {0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73};
static const element twice_d = {0xebd69b9426b2f159, 0x00e0149a8283b156, 0x198e80f2eef3d130, 0x2406d9dc56dffce7};
static const element root_of_minus_one = {0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7,
                                          0x2b8324804fc1df0b};

/* Extended coordinates: x is X/Z, y is Y/Z, and T is XY/Z. */
struct point {
  element x;
  element y;
  element z;
  element t;
};

/* A point as it is best added. */
struct addend {
  element sum;        /* Y + X */
  element difference; /* Y - X */
  element twice_z;
  element scaled_t; /* 2 d T */
};

/* RFC 8032 section 5.1.3. False where the bytes are no canonical encoding of a point of the curve. */
static bool decode(struct point *out, const uint8_t bytes[SYMBOLON_EDWARDS_POINT]) {
  element y2, u, v, v3, canonical;
  load_limbs(out->y, LIMBS, bytes, true);
  const uint64_t sign = out->y[LIMBS - 1] >> 63;
  out->y[LIMBS - 1] &= UINT64_MAX >> 1;
  freeze(canonical, out->y);
  if (memcmp(canonical, out->y, sizeof canonical) != 0) {
    return false;
  }
  /* x^2 = u / v = (y^2 - 1) / (d y^2 + 1); the root is u v^3 (u v^7)^((p - 5) / 8), or that times a root of -1. */
  square(y2, out->y);
  subtract(u, y2, one);
  multiply(v, y2, curve_d);
  add(v, v, one);
  square(v3, v);
  multiply(v3, v3, v);
  square(out->x, v3);
  multiply(out->x, out->x, v);
  multiply(out->x, out->x, u);
  power_252(out->x, out->x);
  multiply(out->x, out->x, v3);
  multiply(out->x, out->x, u);
  square(y2, out->x);
  multiply(y2, y2, v);
  if (!equal(y2, u)) {
    multiply(out->x, out->x, root_of_minus_one);
    square(y2, out->x);
    multiply(y2, y2, v);
    if (!equal(y2, u)) {
      return false;
    }
  }
  freeze(out->x, out->x);
  if (is_zero(out->x) && sign == 1) {
    return false;
  }
  if ((out->x[0] & 1) != sign) {
    subtract(out->x, zero, out->x);
  }
  memcpy(out->z, one, sizeof out->z);
  multiply(out->t, out->x, out->y);
  return true;
}

static void encode(uint8_t bytes[SYMBOLON_EDWARDS_POINT], const struct point *point) {
  element inverse, x, y;
  invert(inverse, point->z);
  multiply(x, point->x, inverse);
  multiply(y, point->y, inverse);
  freeze(x, x);
  freeze(y, y);
  y[LIMBS - 1] |= (x[0] & 1) << 63;
  for (int i = 0; i < LIMBS; i += 1) {
    store_limb(bytes + 8 * i, y[i], true);
  }
}

static void addend_of(struct addend *out, const struct point *point) {
  add(out->sum, point->y, point->x);
  subtract(out->difference, point->y, point->x);
  add(out->twice_z, point->z, point->z);
  multiply(out->scaled_t, point->t, twice_d);
}

/*
 * RFC 8032 section 5.1.4 (Hisil, Wong, Carter and Dawson 2008): complete, so that equal and opposite points and the
 * identity need no care. With `minus`, the addend is taken away.
 */
static void add_point(struct point *out, const struct point *p, const struct addend *q, bool minus) {
  element a, b, c, d, e, f, g, h;
  subtract(a, p->y, p->x);
  multiply(a, a, minus ? q->sum : q->difference);
  add(b, p->y, p->x);
  multiply(b, b, minus ? q->difference : q->sum);
  multiply(c, p->t, q->scaled_t);
  multiply(d, p->z, q->twice_z);
  subtract(e, b, a);
  add(h, b, a);
  if (minus) {
    add(f, d, c);
    subtract(g, d, c);
  } else {
    subtract(f, d, c);
    add(g, d, c);
  }
  multiply(out->x, e, f);
  multiply(out->y, g, h);
  multiply(out->t, e, h);
  multiply(out->z, f, g);
}

static void double_point(struct point *out, const struct point *p) {
  element a, b, c, e, f, g, h;
  square(a, p->x);
  square(b, p->y);
  square(c, p->z);
  add(c, c, c);
  add(h, a, b);
  add(e, p->x, p->y);
  square(e, e);
  subtract(e, h, e);
  subtract(g, a, b);
  add(f, c, g);
  multiply(out->x, e, f);
  multiply(out->y, g, h);
  multiply(out->t, e, h);
  multiply(out->z, f, g);
}

static const struct point neutral = {.y = {1}, .z = {1}};

/* Adds the products of at most CHUNK terms to `*sum` (Straus: one row of doublings for all). */
static bool add_products(struct point *sum, const uint8_t *points, const uint8_t *scalars, size_t count) {
  struct addend tables[CHUNK][ODD_MULTIPLES];
  int8_t digits[CHUNK][SYMBOLON_DIGITS];
  for (size_t t = 0; t < count; t += 1) {
    struct point multiple;
    struct point twice;
    struct addend step;
    uint64_t scalar[LIMBS];
    load_limbs(scalar, LIMBS, scalars + t * SYMBOLON_EDWARDS_SCALAR, true);
    symbolon_recode(digits[t], scalar);
    if (!decode(&multiple, points + t * SYMBOLON_EDWARDS_POINT)) {
      return false;
    }
    double_point(&twice, &multiple);
    addend_of(&step, &twice);
    addend_of(&tables[t][0], &multiple);
    for (int i = 1; i < ODD_MULTIPLES; i += 1) {
      add_point(&multiple, &multiple, &step, false);
      addend_of(&tables[t][i], &multiple);
    }
  }
  struct point total = neutral;
  struct addend last;
  for (int i = SYMBOLON_DIGITS - 1; i >= 0; i -= 1) {
    double_point(&total, &total);
    for (size_t t = 0; t < count; t += 1) {
      const int digit = digits[t][i];
      if (digit != 0) {
        add_point(&total, &total, &tables[t][(digit < 0 ? -digit : digit) / 2], digit < 0);
      }
    }
  }
  addend_of(&last, &total);
  add_point(sum, sum, &last, false);
  return true;
}

bool symbolon_edwards_sum(uint8_t out[SYMBOLON_EDWARDS_POINT], const uint8_t *points, const uint8_t *scalars,
                          size_t count) {
  struct point sum = neutral;
  for (size_t i = 0; i < count; i += CHUNK) {
    if (!add_products(&sum, points + i * SYMBOLON_EDWARDS_POINT, scalars + i * SYMBOLON_EDWARDS_SCALAR,
                      count - i < CHUNK ? count - i : CHUNK)) {
      return false;
    }
  }
  encode(out, &sum);
  return true;
}
