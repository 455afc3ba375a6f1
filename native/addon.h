/*
 * What the files of the addon share. Each function below throws into JavaScript on failure and returns NULL then.
 * The thrown error has the errno name as `code` and the failed call as its message; binding.ts gives both their
 * place in the error catalogue.
 */
#ifndef SYMBOLON_ADDON_H
#define SYMBOLON_ADDON_H

#include <node_api.h>

/* process.c: no core dumps and no ptrace of this process by its own user. */
napi_value symbolon_harden_process(napi_env env, napi_callback_info info);
/* process.c: what the kernel says about the two settings now. */
napi_value symbolon_process_state(napi_env env, napi_callback_info info);
/* secure_memory.c: memory that is never swapped, dumped or inherited, and is wiped when freed. */
napi_value symbolon_secure_buffer(napi_env env, napi_callback_info info);
/* notify.c: one datagram to the service manager. */
napi_value symbolon_notify(napi_env env, napi_callback_info info);

/* Throws an error for the errno value `number` of `call`. Always returns NULL, to be returned in turn. */
napi_value symbolon_throw(napi_env env, int number, const char *call);

#endif
