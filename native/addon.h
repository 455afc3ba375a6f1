/*
 * What the files of the addon share. Each function below that gives a napi_value throws into JavaScript on failure and
 * returns NULL then. Two kinds of error are thrown: failed system calls, with the errno name as `code` and the failed
 * call as the message, to which binding.ts gives their place in the error catalogue; and TypeError for arguments that
 * the caller may not pass, which are mistakes of the program.
 */
#ifndef SYMBOLON_ADDON_H
#define SYMBOLON_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One entry of a table of functions. */
struct symbolon_function {
  const char *name;
  napi_callback function;
};

/* process.c: no core dumps and no ptrace of this process by its own user. */
napi_value symbolon_harden_process(napi_env env, napi_callback_info info);
/* process.c: what the kernel says about the two settings now. */
napi_value symbolon_process_state(napi_env env, napi_callback_info info);
/* secure_memory.c: memory that is never swapped, dumped or inherited, and is wiped when freed. */
napi_value symbolon_secure_buffer(napi_env env, napi_callback_info info);
/* notify.c: one datagram to the service manager. */
napi_value symbolon_notify(napi_env env, napi_callback_info info);
/* nsm.c: one request to the Nitro Security Module, answered through a promise. */
napi_value symbolon_nsm_request(napi_env env, napi_callback_info info);

/* Each puts its functions into the exports. False where that failed: an error is thrown then. */
bool symbolon_register_scalars(napi_env env, napi_value exports);
bool symbolon_register_vectors(napi_env env, napi_value exports);
bool symbolon_register_bits(napi_env env, napi_value exports);
bool symbolon_register_secp256k1(napi_env env, napi_value exports);
bool symbolon_register_ed25519(napi_env env, napi_value exports);
bool symbolon_register_ristretto255(napi_env env, napi_value exports);
bool symbolon_register_p256(napi_env env, napi_value exports);
bool symbolon_register_es384(napi_env env, napi_value exports);

/* Throws an error for the errno value `number` of `call`. Always returns NULL, to be returned in turn. */
napi_value symbolon_throw(napi_env env, int number, const char *call);
/* arguments.c: throws TypeError that says what an argument is not. Always returns NULL. */
napi_value symbolon_refuse(napi_env env, const char *what);

/*
 * arguments.c: the functions that take arguments apart. Each checks before it touches memory, and has thrown where it
 * returns false or NULL. Pointers are good until the call returns: no JavaScript runs in between.
 */
/* Exactly `count` arguments; `*data` becomes what the function was registered with, where `data` is not NULL. */
bool symbolon_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, void **data);
/* A Uint8Array of exactly `length` bytes. */
bool symbolon_bytes(napi_env env, napi_value value, size_t length, const uint8_t **bytes);
/* A Uint8Array of one or more items of `size` bytes; `*count` becomes their number. */
bool symbolon_items(napi_env env, napi_value value, size_t size, const uint8_t **bytes, size_t *count);
/* A Uint8Array of any length, also none. */
bool symbolon_message(napi_env env, napi_value value, const uint8_t **bytes, size_t *length);
/* A whole number from 1 to `most`. */
bool symbolon_number(napi_env env, napi_value value, size_t most, size_t *number);
/* New zero bytes that JavaScript owns; `*array` becomes the Uint8Array. */
uint8_t *symbolon_new_bytes(napi_env env, size_t length, napi_value *array);
napi_value symbolon_boolean(napi_env env, bool value);

/* addon.c: puts `count` functions under their names into `target`, each with `data`. */
bool symbolon_define(napi_env env, napi_value target, const struct symbolon_function *functions, size_t count,
                     const void *data);
/* addon.c: the same into a new object that becomes `exports[name]`, or into the one that is there already. */
bool symbolon_define_under(napi_env env, napi_value exports, const char *name,
                           const struct symbolon_function *functions, size_t count, const void *data);

#endif
