/*
 * Arithmetic modulo 2^255 - 19 for edwards.c: public values only, so it may branch on them, and does in `freeze`.
 */
#ifndef SYMBOLON_FIELD25519_H
#define SYMBOLON_FIELD25519_H

#include "modular.h"

#include <string.h>

/* A number modulo 2^255 - 19: any value below 2^256 that is congruent to it. */
typedef uint64_t element[LIMBS];

static const element zero = {0};
static const element one = {1};
/* `value + 38 * high`, for 2^256 is 38: the second fold can't carry again. */
static inline void fold(element out, const element value, uint64_t high) {
  wide_t sum = (wide_t)high * 38 + value[0];
  out[0] = (uint64_t)sum;
  uint64_t carry = (uint64_t)(sum >> 64);
  for (int i = 1; i < LIMBS; i += 1) {
    sum = (wide_t)value[i] + carry;
    out[i] = (uint64_t)sum;
    carry = (uint64_t)(sum >> 64);
  }
  out[0] += carry * 38;
}

static inline void add(element out, const element a, const element b) {
  uint64_t carry = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    out[i] = add_carry(a[i], b[i], &carry);
  }
  fold(out, out, carry);
}

static inline void subtract(element out, const element a, const element b) {
  uint64_t borrow = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    out[i] = subtract_borrow(a[i], b[i], &borrow);
  }
  /* What was borrowed is 2^256, which is 38. Taking that away may borrow once more, and then not a third time. */
  for (int again = 0; again < 2; again += 1) {
    uint64_t under = 0;
    out[0] = subtract_borrow(out[0], borrow * 38, &under);
    for (int i = 1; i < LIMBS; i += 1) {
      out[i] = subtract_borrow(out[i], 0, &under);
    }
    borrow = under;
  }
}

static inline void multiply(element out, const element a, const element b) {
  uint64_t product[2 * LIMBS] = {0};
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    wide_t carry = 0;
    UNROLLED
    for (int j = 0; j < LIMBS; j += 1) {
      carry += (wide_t)a[i] * b[j] + product[i + j];
      product[i + j] = (uint64_t)carry;
      carry >>= 64;
    }
    product[i + LIMBS] = (uint64_t)carry;
  }
  wide_t sum = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    sum += (wide_t)product[LIMBS + i] * 38 + product[i];
    product[i] = (uint64_t)sum;
    sum >>= 64;
  }
  fold(out, product, (uint64_t)sum);
}

static inline void square(element out, const element a) { multiply(out, a, a); }

static inline void square_times(element out, const element a, int times) {
  square(out, a);
  for (int i = 1; i < times; i += 1) {
    square(out, out);
  }
}

/* The one value below 2^255 - 19. */
static inline void freeze(element out, const element a) {
  static const element p = {0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff};
  memcpy(out, a, sizeof(element));
  for (int again = 0; again < 2; again += 1) {
    element less;
    uint64_t borrow = 0;
    for (int i = 0; i < LIMBS; i += 1) {
      less[i] = subtract_borrow(out[i], p[i], &borrow);
    }
    if (borrow == 0) {
      memcpy(out, less, sizeof less);
    }
  }
}

static inline bool equal(const element a, const element b) {
  element difference;
  subtract(difference, a, b);
  freeze(difference, difference);
  return is_zero(difference) == 1;
}

/* `a^(2^250 - 1)` and `a^11`, which the two powers below have in common. */
static inline void power_250(element out, element eleven, const element a) {
  element t0, t1, t2;
  square(t0, a);
  square_times(t1, t0, 2);
  multiply(t1, a, t1);        /* 9 */
  multiply(eleven, t0, t1);   /* 11 */
  square(t0, eleven);         /* 22 */
  multiply(t0, t1, t0);       /* 2^5 - 1 */
  square_times(t1, t0, 5);
  multiply(t0, t1, t0);       /* 2^10 - 1 */
  square_times(t1, t0, 10);
  multiply(t1, t1, t0);       /* 2^20 - 1 */
  square_times(t2, t1, 20);
  multiply(t1, t2, t1);       /* 2^40 - 1 */
  square_times(t1, t1, 10);
  multiply(t0, t1, t0);       /* 2^50 - 1 */
  square_times(t1, t0, 50);
  multiply(t1, t1, t0);       /* 2^100 - 1 */
  square_times(t2, t1, 100);
  multiply(t1, t2, t1);       /* 2^200 - 1 */
  square_times(t1, t1, 50);
  multiply(out, t1, t0);
}

/* `1 / a`: the power p - 2 = 2^255 - 21. */
static inline void invert(element out, const element a) {
  element eleven;
  power_250(out, eleven, a);
  square_times(out, out, 5);
  multiply(out, out, eleven);
}

/* The power (p - 5) / 8 = 2^252 - 3. */
static inline void power_252(element out, const element a) {
  element power, eleven;
  power_250(power, eleven, a);
  square_times(power, power, 2);
  multiply(out, power, a);
}

#endif
