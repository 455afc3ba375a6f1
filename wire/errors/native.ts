import { facts, type Entry } from './catalogue.ts';

/** Refusals of the native addon: settings of the process and memory for secrets. */
export const nativeErrors = {
  'native/not-built': {
    http: 500,
    what: 'The native addon can not be loaded; nothing runs without it.',
    todo: 'Run `npm run build` on this machine, with the Node that will run the product.',
    facts: facts<{ path: string; reason: string }>(),
  },
  'native/wrong-answer': {
    http: 500,
    what: 'The native arithmetic gave a wrong answer to a known question; the node does not start with it.',
    todo: 'Install the patched libsecp256k1 and libsodium of the distribution, run `npm run build`, and test the memory of this machine.',
    facts: facts<{ what: string }>(),
  },
  'native/not-hardened': {
    http: 500,
    what: 'The process could not be closed to core dumps and to other processes of its user.',
    todo: 'Look for a supervisor or a container policy that forbids the named call.',
    facts: facts<{ call: string; errno: string }>(),
  },
  'native/memlock-limit': {
    http: 500,
    what: 'The limit on locked memory leaves no room for a secret; it is not kept in memory that could be swapped.',
    todo: 'Raise LimitMEMLOCK of the service (8M is enough for 2000 secrets), or `ulimit -l` in a shell.',
    facts: facts<{ wanted: number; limit: number }>(),
  },
  'native/no-secure-memory': {
    http: 500,
    what: 'Locked memory for a secret could not be made.',
    todo: 'See which call failed; the kernel must be Linux 4.14 or later, and the length 1 to 1048576 bytes.',
    facts: facts<{ wanted: number; call: string; errno: string }>(),
  },
  'native/notify-failed': {
    http: 500,
    what: 'The service manager did not take a notification.',
    todo: 'Check NOTIFY_SOCKET and NotifyAccess of the unit; without a manager, unset NOTIFY_SOCKET.',
    facts: facts<{ call: string; errno: string }>(),
  },
  'native/nsm-failed': {
    http: 503,
    what: 'The driver of the Nitro Security Module did not take a request.',
    todo: 'Check that the device is /dev/nsm of an enclave, and that the process has CAP_SYS_ADMIN.',
    facts: facts<{ call: string; errno: string }>(),
  },
} as const satisfies Record<string, Entry>;
