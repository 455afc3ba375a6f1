/*
 * Memory for secrets: pages of its own between two guard pages, locked (mlock(2): never swapped), left out of core
 * files (MADV_DONTDUMP), read as zeros in a forked child (MADV_WIPEONFORK), wiped before it is given back.
 *
 * mlockall(2) is not used: V8 calls MADV_DONTNEED on its own pages, which fails on locked memory and ends the process.
 */
#include "addon.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Longest buffer in bytes: the default memlock limit of a service is 8 MiB for all buffers together. */
#define SYMBOLON_SECURE_MAX 1048576U

struct region {
  unsigned char *base; /* first guard page */
  size_t page;         /* size of a page in bytes */
  size_t data;         /* locked bytes between the guard pages, whole pages */
};

static void release(struct region *region) {
  unsigned char *data = region->base + region->page;
  explicit_bzero(data, region->data);
  munlock(data, region->data);
  munmap(region->base, region->data + 2 * region->page);
  free(region);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  release(hint);
}

/* Maps, locks and marks `length` bytes. Sets `*call` to the name of the call that failed where it returns NULL. */
static struct region *acquire(size_t length, const char **call) {
  const long page_size = sysconf(_SC_PAGESIZE);
  if (page_size <= 0) {
    *call = "sysconf";
    return NULL;
  }
  const size_t page = (size_t)page_size;
  struct region *region = malloc(sizeof *region);
  if (region == NULL) {
    *call = "malloc";
    return NULL;
  }
  region->page = page;
  region->data = (length + page - 1) / page * page;
  const size_t whole = region->data + 2 * page;
  void *base = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    *call = "mmap";
    free(region);
    return NULL;
  }
  region->base = base;
  unsigned char *data = region->base + page;
  *call = NULL;
  if (mprotect(data, region->data, PROT_READ | PROT_WRITE) != 0) {
    *call = "mprotect";
  } else if (mlock(data, region->data) != 0) {
    *call = "mlock";
  } else if (madvise(data, region->data, MADV_DONTDUMP) != 0) {
    *call = "madvise(MADV_DONTDUMP)";
  } else if (madvise(data, region->data, MADV_WIPEONFORK) != 0) {
    *call = "madvise(MADV_WIPEONFORK)";
  }
  if (*call != NULL) {
    const int number = errno;
    munmap(base, whole);
    free(region);
    errno = number;
    return NULL;
  }
  return region;
}

napi_value symbolon_secure_buffer(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  uint32_t length = 0;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count != 1 ||
      napi_get_value_uint32(env, argument, &length) != napi_ok || length == 0 || length > SYMBOLON_SECURE_MAX) {
    return symbolon_throw(env, EINVAL, "length");
  }
  const char *call = NULL;
  struct region *region = acquire(length, &call);
  if (region == NULL) {
    return symbolon_throw(env, errno, call);
  }
  napi_value buffer;
  /* From here the finalizer owns the region, where the call succeeds. */
  if (napi_create_external_arraybuffer(env, region->base + region->page, length, finalize, region, &buffer) !=
      napi_ok) {
    release(region);
    return symbolon_throw(env, ENOTSUP, "napi_create_external_arraybuffer");
  }
  napi_value array;
  if (napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &array) != napi_ok) {
    return symbolon_throw(env, ENOMEM, "napi_create_typedarray");
  }
  return array;
}
