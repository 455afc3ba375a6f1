/*
 * sd_notify(3) without libsystemd: one datagram to the AF_UNIX socket that the service manager named. A path that
 * starts with '@' is an abstract address (unix(7)).
 */
#include "addon.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Longest state in bytes, with its terminator. */
#define SYMBOLON_STATE_MAX 4096

/* Copies a whole text. False where it is no text or `size` bytes do not hold it with its terminator: never cut short. */
static bool whole_text(napi_env env, napi_value value, char *text, size_t size, size_t *length) {
  /* Asked for first: a copy into too small a buffer ends before a character that does not fit, and tells nothing. */
  return napi_get_value_string_utf8(env, value, NULL, 0, length) == napi_ok && *length < size &&
         napi_get_value_string_utf8(env, value, text, size, length) == napi_ok;
}

napi_value symbolon_notify(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[sizeof address.sun_path];
  char state[SYMBOLON_STATE_MAX];
  size_t path_length = 0;
  size_t state_length = 0;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 2) {
    return symbolon_throw(env, EINVAL, "arguments");
  }
  if (!whole_text(env, arguments[0], path, sizeof path, &path_length) || path_length < 2 ||
      (path[0] != '/' && path[0] != '@')) {
    return symbolon_throw(env, EINVAL, "address");
  }
  if (!whole_text(env, arguments[1], state, sizeof state, &state_length) || state_length == 0) {
    return symbolon_throw(env, EINVAL, "state");
  }
  memcpy(address.sun_path, path, path_length);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);
  if (path[0] == '@') {
    address.sun_path[0] = '\0';
  } else {
    length += 1;
  }
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    return symbolon_throw(env, errno, "socket");
  }
  /* A manager that does not read must not hold up the event loop for longer than this. */
  const struct timeval patience = {.tv_sec = 0, .tv_usec = 200000};
  ssize_t sent = -1;
  const char *call = "setsockopt";
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0) {
    call = "sendto";
    sent = sendto(descriptor, state, state_length, MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
  }
  const int number = errno;
  close(descriptor);
  if (sent != (ssize_t)state_length) {
    return symbolon_throw(env, sent < 0 ? number : EMSGSIZE, call);
  }
  return NULL;
}
