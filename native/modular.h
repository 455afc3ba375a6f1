/*
 * Arithmetic modulo an odd number of 256 bits, on four limbs of 64 bits, least significant first: Montgomery
 * multiplication in the CIOS form (Koc, Acar and Kaliski 1996). Nothing here branches on a value or uses it as an index.
 * Values are below the modulus unless a comment says otherwise, and in plain form, not in Montgomery's.
 */
#ifndef SYMBOLON_MODULAR_H
#define SYMBOLON_MODULAR_H

#include <stdbool.h>
#include <stdint.h>

#define LIMBS 4
/* Small loops become straight code, which is twice as fast here. */
#define UNROLLED _Pragma("GCC unroll 4")

struct modulus {
  uint64_t m[LIMBS];
  uint64_t inverse;       /* -1 / m modulo 2^64 */
  uint64_t one[LIMBS];    /* 2^256 modulo m: one in Montgomery's form */
  uint64_t square[LIMBS]; /* 2^512 modulo m */
  uint64_t p384[LIMBS];   /* 2^384 modulo m */
  uint64_t p576[LIMBS];   /* 2^576 modulo m */
  bool little_endian;     /* of encoded values */
};

/* modulus.c: the orders of the three groups. */
extern const struct modulus symbolon_order_secp256k1;
extern const struct modulus symbolon_order_p256;
extern const struct modulus symbolon_order_ed25519;

__extension__ typedef unsigned __int128 wide_t;

/* Hides a value from the optimiser, which could otherwise make a branch of a mask. */
static inline uint64_t hidden(uint64_t value) {
  __asm__("" : "+r"(value));
  return value;
}

/* All ones where `bit` is 1, zero where it is 0. */
static inline uint64_t mask_of(uint64_t bit) { return hidden(0 - bit); }

static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry) {
  const wide_t sum = (wide_t)a + b + *carry;
  *carry = (uint64_t)(sum >> 64);
  return (uint64_t)sum;
}

static inline uint64_t subtract_borrow(uint64_t a, uint64_t b, uint64_t *borrow) {
  const wide_t difference = (wide_t)a - b - *borrow;
  *borrow = (uint64_t)(difference >> 64) & 1;
  return (uint64_t)difference;
}

/* `out` becomes `value + carry * 2^256`, which is below twice the modulus, minus the modulus where that is not below 0. */
static inline void reduce_once(uint64_t out[LIMBS], const uint64_t value[LIMBS], uint64_t carry,
                               const struct modulus *modulus) {
  uint64_t less[LIMBS];
  uint64_t borrow = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    less[i] = subtract_borrow(value[i], modulus->m[i], &borrow);
  }
  /* Below the modulus: the subtraction borrowed and there was no carry to pay for it. */
  const uint64_t keep = mask_of(borrow & (carry ^ 1));
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    out[i] = (value[i] & keep) | (less[i] & ~keep);
  }
}

static inline void add_mod(uint64_t out[LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS],
                           const struct modulus *modulus) {
  uint64_t sum[LIMBS];
  uint64_t carry = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    sum[i] = add_carry(a[i], b[i], &carry);
  }
  reduce_once(out, sum, carry, modulus);
}

static inline void subtract_mod(uint64_t out[LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS],
                                const struct modulus *modulus) {
  uint64_t difference[LIMBS];
  uint64_t borrow = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    difference[i] = subtract_borrow(a[i], b[i], &borrow);
  }
  const uint64_t mask = mask_of(borrow);
  uint64_t carry = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    out[i] = add_carry(difference[i], modulus->m[i] & mask, &carry);
  }
}

/*
 * `a * b / 2^(64 * count)` modulo m, for an `a` of `count` limbs. `a` may be any value of that size, `b` is below the
 * modulus: each step keeps the sum below b + m, so that one subtraction ends it.
 */
static inline __attribute__((always_inline)) void multiply_limbs(uint64_t out[LIMBS], const uint64_t *a, int count,
                                                                 const uint64_t b[LIMBS],
                                                                 const struct modulus *modulus) {
  uint64_t t[LIMBS] = {0};
  uint64_t top = 0;
  UNROLLED
  for (int i = 0; i < count; i += 1) {
    wide_t sum = 0;
    UNROLLED
    for (int j = 0; j < LIMBS; j += 1) {
      sum += (wide_t)a[i] * b[j] + t[j];
      t[j] = (uint64_t)sum;
      sum >>= 64;
    }
    sum += top;
    const uint64_t t4 = (uint64_t)sum;
    const uint64_t t5 = (uint64_t)(sum >> 64);
    const uint64_t q = t[0] * modulus->inverse;
    sum = ((wide_t)q * modulus->m[0] + t[0]) >> 64;
    UNROLLED
    for (int j = 1; j < LIMBS; j += 1) {
      sum += (wide_t)q * modulus->m[j] + t[j];
      t[j - 1] = (uint64_t)sum;
      sum >>= 64;
    }
    sum += t4;
    t[LIMBS - 1] = (uint64_t)sum;
    top = t5 + (uint64_t)(sum >> 64);
  }
  reduce_once(out, t, top, modulus);
}

/* `a * b / 2^256` modulo m. `a` may be any 256-bit value. */
static inline void multiply_montgomery(uint64_t out[LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS],
                                       const struct modulus *modulus) {
  multiply_limbs(out, a, LIMBS, b, modulus);
}

/* `a * b` modulo m. */
static inline void multiply_mod(uint64_t out[LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS],
                                const struct modulus *modulus) {
  uint64_t scaled[LIMBS];
  multiply_montgomery(scaled, a, modulus->square, modulus);
  multiply_montgomery(out, scaled, b, modulus);
}

/* 1 where the value is below the modulus, else 0. */
static inline uint64_t is_below(const uint64_t value[LIMBS], const struct modulus *modulus) {
  uint64_t borrow = 0;
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    (void)subtract_borrow(value[i], modulus->m[i], &borrow);
  }
  return borrow;
}

/* 1 where the value is zero, else 0. */
static inline uint64_t is_zero(const uint64_t value[LIMBS]) {
  const uint64_t any = hidden(value[0] | value[1] | value[2] | value[3]);
  return 1 ^ ((any | (0 - any)) >> 63);
}

static inline uint64_t load_limb(const uint8_t *bytes, bool little_endian) {
  uint64_t value = 0;
  __builtin_memcpy(&value, bytes, sizeof value);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return little_endian ? value : __builtin_bswap64(value);
#else
  return little_endian ? __builtin_bswap64(value) : value;
#endif
}

static inline void store_limb(uint8_t *bytes, uint64_t value, bool little_endian) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const uint64_t ordered = little_endian ? value : __builtin_bswap64(value);
#else
  const uint64_t ordered = little_endian ? __builtin_bswap64(value) : value;
#endif
  __builtin_memcpy(bytes, &ordered, sizeof ordered);
}

/* The limbs of `count * 8` bytes. */
static inline void load_limbs(uint64_t *out, int count, const uint8_t *bytes, bool little_endian) {
  for (int i = 0; i < count; i += 1) {
    out[i] = load_limb(bytes + 8 * (little_endian ? i : count - 1 - i), little_endian);
  }
}

/* Reads 32 bytes; returns 1 where they are below the modulus, else 0. */
static inline uint64_t load_value(uint64_t out[LIMBS], const uint8_t bytes[32], const struct modulus *modulus) {
  load_limbs(out, LIMBS, bytes, modulus->little_endian);
  return is_below(out, modulus);
}

static inline void store_value(uint8_t bytes[32], const uint64_t value[LIMBS], const struct modulus *modulus) {
  UNROLLED
  for (int i = 0; i < LIMBS; i += 1) {
    store_limb(bytes + 8 * (modulus->little_endian ? i : LIMBS - 1 - i), value[i], modulus->little_endian);
  }
}

/* Any 256-bit value modulo m. */
static inline void reduce_value(uint64_t out[LIMBS], const uint64_t value[LIMBS], const struct modulus *modulus) {
  /* Which of the two is a question of the modulus alone. */
  if (modulus->m[LIMBS - 1] >> 63) {
    reduce_once(out, value, 0, modulus);
  } else {
    multiply_montgomery(out, value, modulus->one, modulus);
  }
}

/* A value of 6 limbs modulo m. */
static inline void reduce_384(uint64_t out[LIMBS], const uint64_t wide[6], const struct modulus *modulus) {
  uint64_t upper[LIMBS];
  multiply_limbs(upper, wide + LIMBS, 2, modulus->p384, modulus);
  reduce_value(out, wide, modulus);
  add_mod(out, out, upper, modulus);
}

/* A value of 8 limbs modulo m. */
static inline void reduce_512(uint64_t out[LIMBS], const uint64_t wide[8], const struct modulus *modulus) {
  uint64_t upper[LIMBS];
  multiply_montgomery(upper, wide + LIMBS, modulus->square, modulus);
  reduce_value(out, wide, modulus);
  add_mod(out, out, upper, modulus);
}

/* A sum of products that is reduced once, at its end: 2^64 products fit. */
#define SUM_LIMBS (2 * LIMBS + 1)

/* `sum += a * b`, as whole numbers. */
static inline void add_product(uint64_t sum[SUM_LIMBS], const uint64_t a[LIMBS], const uint64_t b[LIMBS]) {
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
  uint64_t carry = 0;
  _Pragma("GCC unroll 8")
  for (int i = 0; i < 2 * LIMBS; i += 1) {
    sum[i] = add_carry(sum[i], product[i], &carry);
  }
  sum[2 * LIMBS] += carry;
}

/* A sum of products modulo m. */
static inline void reduce_sum(uint64_t out[LIMBS], const uint64_t sum[SUM_LIMBS], const struct modulus *modulus) {
  uint64_t upper[LIMBS];
  multiply_limbs(upper, sum + 2 * LIMBS, 1, modulus->p576, modulus);
  reduce_512(out, sum, modulus);
  add_mod(out, out, upper, modulus);
}

/*
 * modulus.c: the non-adjacent form of width 5 of a public value, lowest digit first: digits are zero or odd, from -15 to
 * 15, and four zeros at least stand between two others. Its time depends on the value.
 */
#define SYMBOLON_DIGITS 257
void symbolon_recode(int8_t digits[SYMBOLON_DIGITS], const uint64_t value[LIMBS]);
/* modulus.c: whether these 32 bytes are below the modulus. */
bool symbolon_is_value(const uint8_t bytes[32], const struct modulus *modulus);
/* modulus.c: `value^exponent`; the exponent is public. */
void symbolon_power(uint64_t out[LIMBS], const uint64_t value[LIMBS], const uint64_t exponent[LIMBS],
                    const struct modulus *modulus);
/* modulus.c: `1 / value`, which is not zero, as value^(m - 2): the exponent is public. `m` is prime. */
void symbolon_invert(uint64_t out[LIMBS], const uint64_t value[LIMBS], const struct modulus *modulus);

#endif
