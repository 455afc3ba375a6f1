/** `symbolon sign`: a signature over a message or digest, with the operator's authority. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fromHex, toHex } from '../../wire/ids.ts';
import { maxSignMessage } from '../../wire/limits.ts';
import type { Payload } from '../../wire/messages/request.ts';
import { Api, type KeyView } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { readNeeded } from '../cluster/files.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { withProgress } from '../progress.ts';

/** The command. */
export const sign: Command = {
  words: ['sign'],
  summary: 'sign a message or a digest with a key',
  options: {
    message: { type: 'string', value: 'FILE', help: 'Ed25519: the file to sign; - is stdin' },
    'message-hex': { type: 'string', value: 'HEX', help: 'Ed25519: the message as hexadecimal' },
    digest: { type: 'string', value: 'HEX', help: 'taproot: the 32-byte digest' },
    'key-spend': {
      type: 'boolean',
      help: 'taproot: the digest is a BIP341 signature hash, signed under the tweaked key',
    },
  },
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: [
    'symbolon sign 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30 --message tx.bin',
    'symbolon sign 8e21... --digest 5f3a... --key-spend --json',
  ],
  run: async (args, io) => {
    const given = ['message', 'message-hex', 'digest'].filter((name) => args.text(name) !== undefined);
    if (given.length !== 1) {
      throw usage('give exactly one of --message, --message-hex and --digest');
    }
    const api = new Api(openCluster(args, io), io.now);
    const payload = payloadOf(args, io);
    const key = await api.key(args.needed(0));
    const done = await withProgress(io, 'signing', () => api.sign(key, payload));
    for (const failure of done.failed) {
      io.err(`${io.errStyle.warn('went on without')} ${failure}`);
    }
    result(io, args.flag('json'), done.raw, [toHex(done.signature)]);
    io.err(io.errStyle.dim(words(key, done.participants, done.ms)));
    return exitCodes.ok;
  },
};

const words = (key: KeyView, participants: readonly string[], ms: number): string =>
  `signed by ${participants.join(' and ')} in ${Math.round(ms)} ms; verified under ${toHex(key.publicKey)}`;

function payloadOf(args: Arguments, io: Io): Payload {
  const file = args.text('message');
  if (file !== undefined) {
    const message =
      file === '-' ? new Uint8Array(readFileSync(0)) : readNeeded(resolve(io.cwd, file), maxSignMessage);
    return { kind: 'message', message: bounded(message, 1, maxSignMessage, '--message') };
  }
  const hex = args.text('message-hex');
  if (hex !== undefined) {
    return { kind: 'message', message: bounded(fromHex(hex), 1, maxSignMessage, '--message-hex') };
  }
  return {
    kind: args.flag('key-spend') ? 'bip341-key-spend' : 'bip340-digest',
    digest: bounded(fromHex(args.required('digest')), 32, 32, '--digest'),
  };
}

function bounded(bytes: Uint8Array | undefined, min: number, max: number, what: string): Uint8Array {
  if (bytes === undefined || bytes.length < min || bytes.length > max) {
    throw usage(`${what} must have ${min === max ? min : `${min} to ${max}`} bytes`);
  }
  return bytes;
}
