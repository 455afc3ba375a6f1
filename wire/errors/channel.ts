import { facts, type Entry } from './catalogue.ts';

/** Refusals of the attested channel, the envelopes and the parent proxy. */
export const channelErrors = {
  'channel/bad-address': {
    http: 400,
    what: 'A listener address is not of a form that this build can use.',
    todo: 'Use unix:PATH or tcp:HOST:PORT; vsock:CID:PORT needs the enclave image.',
    facts: facts<{ address: string; reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
