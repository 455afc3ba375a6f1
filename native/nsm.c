/*
 * One request to the Nitro Security Module: the ioctl of /dev/nsm (include/uapi/linux/nsm.h of Linux 6.8 and later; the
 * driver of aws-nitro-enclaves-nsm-api takes the same). It sleeps until the hypervisor has answered, so it runs on a
 * thread of libuv's pool, and JavaScript gets a promise.
 */
#include "addon.h"

#include <errno.h>
#include <limits.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Longest request and response in bytes: NSM_REQUEST_MAX_SIZE and NSM_RESPONSE_MAX_SIZE of the driver. */
#define SYMBOLON_NSM_REQUEST 0x1000
#define SYMBOLON_NSM_RESPONSE 0x3000

/* struct nsm_raw: two buffers of this process, each as address and length in bytes. */
struct nsm_raw {
  uint64_t request;
  uint64_t request_length;
  uint64_t response;
  uint64_t response_length;
};
/* NSM_IOCTL_RAW: bytes in, bytes out; the driver looks at neither. */
#define SYMBOLON_NSM_IOCTL _IOWR(0x0A, 0x0, struct nsm_raw)

struct work {
  napi_async_work work;
  napi_deferred deferred;
  int descriptor;
  int number; /* errno of a failed call, or 0 */
  size_t request_length;
  size_t response_length;
  uint8_t request[SYMBOLON_NSM_REQUEST];
  uint8_t response[SYMBOLON_NSM_RESPONSE];
};

/* On a thread of the pool: nothing of Node-API may be called here. */
static void execute(napi_env env, void *data) {
  (void)env;
  struct work *work = data;
  struct nsm_raw raw = {
      .request = (uint64_t)(uintptr_t)work->request,
      .request_length = work->request_length,
      .response = (uint64_t)(uintptr_t)work->response,
      .response_length = sizeof work->response,
  };
  if (ioctl(work->descriptor, SYMBOLON_NSM_IOCTL, &raw) != 0) {
    work->number = errno == 0 ? EIO : errno;
  } else if (raw.response_length > sizeof work->response) {
    /* A driver that says it wrote more than there was room for: nothing of that is read. */
    work->number = EOVERFLOW;
  } else {
    work->response_length = (size_t)raw.response_length;
  }
}

/* A new error with an errno name as its code, as symbolon_throw throws it. */
static napi_value error_of(napi_env env, int number) {
  const char *name = strerrorname_np(number);
  napi_value code, call, error;
  if (napi_create_string_utf8(env, name == NULL ? "EUNKNOWN" : name, NAPI_AUTO_LENGTH, &code) != napi_ok ||
      napi_create_string_utf8(env, "ioctl", NAPI_AUTO_LENGTH, &call) != napi_ok ||
      napi_create_error(env, code, call, &error) != napi_ok) {
    return NULL;
  }
  return error;
}

/* On the main thread again. Where Node-API fails here the environment is ending, and nobody waits any more. */
static void complete(napi_env env, napi_status status, void *data) {
  struct work *work = data;
  napi_value value = NULL;
  const int number = status == napi_ok ? work->number : ECANCELED;
  if (number != 0) {
    value = error_of(env, number);
    if (value != NULL) {
      (void)napi_reject_deferred(env, work->deferred, value);
    }
  } else {
    uint8_t *bytes = symbolon_new_bytes(env, work->response_length, &value);
    if (bytes != NULL) {
      memcpy(bytes, work->response, work->response_length);
      (void)napi_resolve_deferred(env, work->deferred, value);
    } else if (napi_get_and_clear_last_exception(env, &value) == napi_ok) {
      /* No memory: nobody is here to catch what was thrown, but somebody waits. */
      (void)napi_reject_deferred(env, work->deferred, value);
    }
  }
  (void)napi_delete_async_work(env, work->work);
  free(work);
}

napi_value symbolon_nsm_request(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  size_t descriptor = 0;
  const uint8_t *request = NULL;
  size_t length = 0;
  if (!symbolon_arguments(env, info, 2, arguments, NULL) ||
      !symbolon_number(env, arguments[0], INT_MAX, &descriptor) ||
      !symbolon_message(env, arguments[1], &request, &length)) {
    return NULL;
  }
  if (length == 0 || length > SYMBOLON_NSM_REQUEST) {
    return symbolon_refuse(env, "length of an argument");
  }
  struct work *work = calloc(1, sizeof *work);
  if (work == NULL) {
    return symbolon_throw(env, ENOMEM, "calloc");
  }
  work->descriptor = (int)descriptor;
  work->request_length = length;
  memcpy(work->request, request, length);
  napi_value name, promise;
  if (napi_create_string_utf8(env, "symbolon:nsm", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, work, &work->work) != napi_ok) {
    free(work);
    return symbolon_throw(env, ENOMEM, "napi_create_async_work");
  }
  if (napi_create_promise(env, &work->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, work->work) != napi_ok) {
    (void)napi_delete_async_work(env, work->work);
    free(work);
    return symbolon_throw(env, ENOMEM, "napi_queue_async_work");
  }
  return promise;
}
