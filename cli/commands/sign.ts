/** `symbolon sign`: a signature over a message or digest, with the operator's authority. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parsePath, pathText } from '../../coordinator/chains/path.ts';
import { fromHex, isEcdsa, toHex } from '../../wire/ids.ts';
import { maxSignMessage } from '../../wire/limits.ts';
import type { Payload } from '../../wire/messages/request.ts';
import { Api, type KeyView, type SignatureView } from '../api.ts';
import { openCluster } from '../cluster/cluster.ts';
import { readOptional } from '../cluster/files.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { withProgress } from '../progress.ts';
import { pathOption } from './address.ts';

const hashes = ['keccak256', 'sha256'] as const;

/** The command. */
export const sign: Command = {
  words: ['sign'],
  summary: 'sign a message or a digest with a key',
  options: {
    message: { type: 'string', value: 'FILE', help: 'Ed25519, ECDSA: the file to sign; - is stdin' },
    'message-hex': { type: 'string', value: 'HEX', help: 'Ed25519, ECDSA: the message as hexadecimal' },
    hash: {
      type: 'string',
      value: 'HASH',
      help: 'ECDSA: how the nodes hash the message, keccak256 (EVM) or sha256 (Cosmos)',
    },
    digest: { type: 'string', value: 'HEX', help: 'taproot, ECDSA: the 32-byte digest' },
    'key-spend': {
      type: 'boolean',
      help: 'taproot: the digest is a BIP341 signature hash, signed under the tweaked key',
    },
    path: pathOption,
  },
  operands: [{ name: 'KEY', help: 'id of the key' }],
  examples: [
    'symbolon sign 1f0c6a52c1d34b0e8f6a7b9c0d1e2f30 --message tx.bin',
    'symbolon sign 8e21... --digest 5f3a... --key-spend --json',
    'symbolon sign 77ab... --message unsigned.rlp --hash keccak256 --path m/0/5',
  ],
  run: async (args, io) => {
    const given = ['message', 'message-hex', 'digest'].filter((name) => args.text(name) !== undefined);
    if (given.length !== 1) {
      throw usage('give exactly one of --message, --message-hex and --digest');
    }
    const path = parsePath(args.text('path') ?? 'm');
    const bytes = bytesOf(args, io);
    const api = new Api(openCluster(args, io), io.now);
    const key = await api.key(args.needed(0));
    const payload = payloadOf(bytes, key, args);
    const done = await withProgress(io, 'signing', () => api.sign(key, payload, path));
    for (const failure of done.failed) {
      io.err(`${io.errStyle.warn('went on without')} ${failure}`);
    }
    result(io, args.flag('json'), done.raw, [toHex(done.signature)]);
    io.err(io.errStyle.dim(words(done, path)));
    return exitCodes.ok;
  },
};

function words(
  { participants, ms, presigned, publicKey, recovery }: SignatureView,
  path: readonly number[],
): string {
  const how = presigned ? 'in one round ' : '';
  const at = path.length === 0 ? '' : ` at ${pathText(path)}`;
  const id = recovery === undefined ? '' : `; recovery id ${recovery}`;
  return `signed by ${participants.join(' and ')} ${how}in ${Math.round(ms)} ms; verified under ${toHex(publicKey)}${at}${id}`;
}

/** What is to be signed, as it was given. */
function bytesOf(args: Arguments, io: Io): Uint8Array {
  const file = args.text('message');
  if (file !== undefined) {
    return bounded(messageOf(file, io), 1, maxSignMessage, '--message');
  }
  const hex = args.text('message-hex');
  return hex === undefined
    ? bounded(decoded(args.required('digest'), '--digest'), 32, 32, '--digest')
    : bounded(decoded(hex, '--message-hex'), 1, maxSignMessage, '--message-hex');
}

/** Content of a file, or of stdin. Throws `cli/usage` where the file is not there. */
function messageOf(file: string, io: Io): Uint8Array {
  if (file === '-') {
    return new Uint8Array(readFileSync(0));
  }
  const message = readOptional(resolve(io.cwd, file), maxSignMessage);
  if (message === undefined) {
    throw usage('--message names a file, and it is not there; a message itself goes into --message-hex');
  }
  return message;
}

function decoded(hex: string, what: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) {
    throw usage(`${what} must be hexadecimal, two digits for each byte, without 0x`);
  }
  return bytes;
}

/**
 * The payload for a key of this scheme.
 * @throws SymbolonError `cli/usage` where an option does not fit the scheme or the others.
 */
export function payloadOf(bytes: Uint8Array, { scheme }: Pick<KeyView, 'scheme'>, args: Arguments): Payload {
  const isDigest = args.text('digest') !== undefined;
  // What does not fit is refused and not passed by: who gives it believes that other bytes are signed.
  if (args.text('hash') !== undefined && (isDigest || !isEcdsa(scheme))) {
    throw usage('--hash is for messages of ECDSA keys; a digest is signed as it is');
  }
  if (args.flag('key-spend') && (!isDigest || scheme !== 'frost-secp256k1-tr')) {
    throw usage('--key-spend is for digests of taproot keys');
  }
  if (isEcdsa(scheme)) {
    if (isDigest) {
      return { kind: 'ecdsa-digest', digest: bytes };
    }
    const hash = hashes.find((one) => one === args.text('hash'));
    if (hash === undefined) {
      throw usage(`--hash must be ${hashes.join(' or ')} for a message of an ECDSA key`);
    }
    return { kind: `ecdsa-${hash}`, message: bytes };
  }
  return isDigest
    ? { kind: args.flag('key-spend') ? 'bip341-key-spend' : 'bip340-digest', digest: bytes }
    : { kind: 'message', message: bytes };
}

function bounded(bytes: Uint8Array, min: number, max: number, what: string): Uint8Array {
  if (bytes.length < min || bytes.length > max) {
    throw usage(`${what} must have ${min === max ? min : `${min} to ${max}`} bytes`);
  }
  return bytes;
}
