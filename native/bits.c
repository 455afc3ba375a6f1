/*
 * Matrices of secret bits: transposition, and the fold of rows in GF(2^128) that the check of OT extension is made of
 * (threshold/dkls/kernel.ts defines both). Nothing branches on a bit of a row or of a weight.
 *
 * Carry-less multiplication runs where the processor has it, which is asked once; elsewhere a portable path runs that
 * takes a multiple of the time and gives the same. Tests hold the two against each other.
 */
#include "addon.h"
#include "modular.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ROWS 128
#define BLOCK 16

/* Up to 8 bytes as a little-endian number. */
static uint64_t load_part(const uint8_t *bytes, size_t length) {
  uint8_t whole[8] = {0};
  memcpy(whole, bytes, length < 8 ? length : 8);
  return load_limb(whole, true);
}

/* Transposes 64 by 64 bits in place: bit c of row r becomes bit r of row c. */
static void transpose_64(uint64_t rows[64]) {
  static const uint64_t lower[] = {0x00000000ffffffff, 0x0000ffff0000ffff, 0x00ff00ff00ff00ff,
                                   0x0f0f0f0f0f0f0f0f, 0x3333333333333333, 0x5555555555555555};
  /* Squares of 2 * width bits, each made of four: the upper right and the lower left one change places. */
  for (unsigned int step = 0, width = 32; width > 0; step += 1, width /= 2) {
    for (unsigned int r = 0; r < 64; r = ((r | width) + 1) & ~width) {
      const uint64_t moved = ((rows[r] >> width) ^ rows[r + width]) & lower[step];
      rows[r] ^= moved << width;
      rows[r + width] ^= moved;
    }
  }
}

static napi_value transpose(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value array = NULL;
  const uint8_t *rows = NULL;
  size_t width = 0;
  size_t columns = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) || !symbolon_items(env, arguments[0], ROWS, &rows, &width) ||
      !symbolon_number(env, arguments[1], width * 8, &columns)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, columns * BLOCK, &array);
  if (out == NULL) {
    return NULL;
  }
  uint64_t square[64];
  for (size_t first = 0; first < columns; first += 64) {
    const size_t used = columns - first < 64 ? columns - first : 64;
    for (size_t half = 0; half < 2; half += 1) {
      for (size_t r = 0; r < 64; r += 1) {
        square[r] = load_part(rows + (half * 64 + r) * width + first / 8, width - first / 8);
      }
      transpose_64(square);
      for (size_t c = 0; c < used; c += 1) {
        store_limb(out + (first + c) * BLOCK + half * 8, square[c], true);
      }
    }
  }
  explicit_bzero(square, sizeof square);
  return array;
}

/* A polynomial of degree below 128: bit i of the two limbs is the factor of x^i. */
struct polynomial {
  uint64_t low;
  uint64_t high;
};

struct fold {
  const uint8_t *rows;
  const uint8_t *weights;
  size_t row_bytes;
  size_t data_bytes;
  size_t count;
};

/* Block `m` of the data of a row, with zeros after its end. */
static void load_block(uint8_t block[BLOCK], const uint8_t *row, size_t data_bytes, size_t m) {
  const size_t left = data_bytes - m * BLOCK;
  memset(block, 0, BLOCK);
  memcpy(block, row + m * BLOCK, left < BLOCK ? left : BLOCK);
}

static struct polynomial load_polynomial(const uint8_t block[BLOCK]) {
  const struct polynomial out = {load_limb(block, true), load_limb(block + 8, true)};
  return out;
}

/* `a * b` modulo x^128 + x^7 + x^2 + x + 1, one bit of `b` at a time. */
static struct polynomial multiply_portable(struct polynomial a, struct polynomial b) {
  struct polynomial product = {0, 0};
  for (int i = 0; i < 128; i += 1) {
    const uint64_t mask = mask_of(((i < 64 ? b.low : b.high) >> (i % 64)) & 1);
    product.low ^= a.low & mask;
    product.high ^= a.high & mask;
    const uint64_t carried = mask_of(a.high >> 63);
    a.high = (a.high << 1) | (a.low >> 63);
    a.low = (a.low << 1) ^ (carried & 0x87);
  }
  return product;
}

static void fold_portable(uint8_t *out, const struct fold *fold) {
  uint8_t block[BLOCK];
  for (size_t i = 0; i < fold->count; i += 1) {
    const uint8_t *row = fold->rows + i * fold->row_bytes;
    struct polynomial sum = load_polynomial(row + fold->data_bytes);
    for (size_t m = 0; m * BLOCK < fold->data_bytes; m += 1) {
      load_block(block, row, fold->data_bytes, m);
      const struct polynomial product =
          multiply_portable(load_polynomial(block), load_polynomial(fold->weights + m * BLOCK));
      sum.low ^= product.low;
      sum.high ^= product.high;
    }
    store_limb(out + i * BLOCK, sum.low, true);
    store_limb(out + i * BLOCK + 8, sum.high, true);
  }
  explicit_bzero(block, sizeof block);
}

#if defined(__x86_64__)

static bool has_fast_fold(void) { return __builtin_cpu_supports("pclmul") != 0; }

__attribute__((target("pclmul,sse2"))) static void fold_fast(uint8_t *out, const struct fold *fold) {
  const __m128i tail = _mm_set_epi64x(0, 0x87);
  uint8_t block[BLOCK];
  for (size_t i = 0; i < fold->count; i += 1) {
    const uint8_t *row = fold->rows + i * fold->row_bytes;
    __m128i low = _mm_setzero_si128();
    __m128i middle = _mm_setzero_si128();
    __m128i high = _mm_setzero_si128();
    /* The products are summed first, 255 bits each, and reduced once. */
    for (size_t m = 0; m * BLOCK < fold->data_bytes; m += 1) {
      load_block(block, row, fold->data_bytes, m);
      const __m128i data = _mm_loadu_si128((const __m128i *)(const void *)block);
      const __m128i weight = _mm_loadu_si128((const __m128i *)(const void *)(fold->weights + m * BLOCK));
      low = _mm_xor_si128(low, _mm_clmulepi64_si128(data, weight, 0x00));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(data, weight, 0x01));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(data, weight, 0x10));
      high = _mm_xor_si128(high, _mm_clmulepi64_si128(data, weight, 0x11));
    }
    low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    /* x^128 is x^7 + x^2 + x + 1: first the upper half of `high` comes down, then what is its lower half now. */
    const __m128i upper = _mm_clmulepi64_si128(high, tail, 0x01);
    low = _mm_xor_si128(low, _mm_slli_si128(upper, 8));
    high = _mm_xor_si128(high, _mm_srli_si128(upper, 8));
    low = _mm_xor_si128(low, _mm_clmulepi64_si128(high, tail, 0x00));
    low = _mm_xor_si128(low, _mm_loadu_si128((const __m128i *)(const void *)(row + fold->data_bytes)));
    _mm_storeu_si128((__m128i *)(void *)(out + i * BLOCK), low);
  }
  explicit_bzero(block, sizeof block);
}

#else

static bool has_fast_fold(void) { return false; }

static void fold_fast(uint8_t *out, const struct fold *fold) { fold_portable(out, fold); }

#endif

static napi_value fold_with(napi_env env, napi_callback_info info, bool fast) {
  napi_value arguments[4];
  napi_value array = NULL;
  struct fold fold = {0};
  size_t weights = 0;
  if (!symbolon_arguments(env, info, 4, arguments, NULL) ||
      !symbolon_items(env, arguments[1], BLOCK, &fold.weights, &weights) ||
      !symbolon_number(env, arguments[3], weights * BLOCK, &fold.data_bytes) ||
      !symbolon_number(env, arguments[2], fold.data_bytes + BLOCK, &fold.row_bytes)) {
    return NULL;
  }
  if (fold.row_bytes != fold.data_bytes + BLOCK) {
    return symbolon_refuse(env, "a row is its data and one block");
  }
  if (!symbolon_items(env, arguments[0], fold.row_bytes, &fold.rows, &fold.count)) {
    return NULL;
  }
  uint8_t *out = symbolon_new_bytes(env, fold.count * BLOCK, &array);
  if (out == NULL) {
    return NULL;
  }
  if (fast) {
    fold_fast(out, &fold);
  } else {
    fold_portable(out, &fold);
  }
  return array;
}

static napi_value fold_rows(napi_env env, napi_callback_info info) { return fold_with(env, info, has_fast_fold()); }

static napi_value fold_rows_portable(napi_env env, napi_callback_info info) { return fold_with(env, info, false); }

static napi_value fast_fold(napi_env env, napi_callback_info info) {
  return symbolon_arguments(env, info, 0, NULL, NULL) ? symbolon_boolean(env, has_fast_fold()) : NULL;
}

bool symbolon_register_bits(napi_env env, napi_value exports) {
  static const struct symbolon_function functions[] = {
      {"transpose", transpose},
      {"foldRows", fold_rows},
      {"foldRowsPortable", fold_rows_portable},
      {"hasFastFold", fast_fold},
  };
  return symbolon_define_under(env, exports, "bits", functions, sizeof functions / sizeof functions[0], NULL);
}
