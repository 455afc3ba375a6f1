/**
 * Sealed records: hsm/SPEC.md section 1. The key that encrypts a record comes from one operation of the token and is
 * bound to the record's whole header, so a record that was moved, swapped or changed is refused; by name, and before
 * the token is asked, where the header says so.
 *
 * With RSA-OAEP anyone who knows the public key can seal: a record that opens says which token it was made for, not who
 * made it. The caller compares the share with its public commitment (T29); the key store does.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { decodeCbor } from '../wire/cbor.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { hashOf, name, toHex } from '../wire/ids.ts';
import { maxSealedRecord } from '../wire/limits.ts';
import { bytes, message, oneOf, record, text, uint } from '../wire/shape.ts';
import {
  ikmLength,
  maxWrapped,
  wrappingAlgorithms,
  type HsmLink,
  type TokenIdentity,
  type WrappingAlgorithm,
} from './material.ts';
import type { Random } from './random.ts';

/** Where a record belongs. All of it is authenticated, none of it is secret. */
export interface SealContext {
  /** Cluster id, 16 bytes. */
  readonly cluster: Uint8Array;
  /** Name of the node. */
  readonly node: string;
  /** What the record holds, for example `key-share`. */
  readonly kind: string;
  /** What it belongs to: for a share, the key id. */
  readonly subject: string;
  /** Generation of the share. */
  readonly generation: number;
  /** Public data that travels with the secret, at most 32 KiB. */
  readonly open: Uint8Array;
}
/** What the caller knows about a record that it opens. */
export type ExpectedContext = Omit<SealContext, 'open'>;

/** What a record says of itself. */
export interface RecordHeader {
  readonly context: SealContext;
  readonly token: Pick<TokenIdentity, 'label' | 'serial' | 'keyId'>;
  readonly algorithm: WrappingAlgorithm;
}

/** Longest `open` in bytes. */
export const maxOpen = 32_768;
/** Longest secret in bytes. */
export const maxSecret = 16_384;
/** The version that this build writes and opens. */
const version = 1;
const saltLength = 32;
const ivLength = 12;
const tagLength = 16;

const headerFormat = message(
  'seal-header',
  maxOpen + 1_024,
  record({
    v: oneOf(version),
    algorithm: oneOf(...wrappingAlgorithms),
    token: record({
      label: text(32, /^[\x20-\x7e]+$/),
      serial: text(16, /^[\x20-\x7e]+$/),
      keyId: text(64, /^(?:[0-9a-f]{2})+$/),
    }),
    context: record({
      cluster: bytes(16),
      node: name,
      kind: text(32, /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/),
      subject: text(128, /^[\x21-\x7e]+$/),
      generation: uint(),
    }),
    open: bytes(0, maxOpen),
  }),
);
type Header = ReturnType<typeof headerFormat.decode>;

const recordFormat = message(
  'sealed-record',
  maxSealedRecord,
  record({
    header: bytes(1, headerFormat.maxBytes),
    wrapped: bytes(1, maxWrapped),
    salt: bytes(saltLength),
    iv: bytes(ivLength),
    /** AES-256-GCM ciphertext and its 16-byte tag. */
    sealed: bytes(1 + tagLength, maxSecret + tagLength),
  }),
);
type SealedRecord = ReturnType<typeof recordFormat.decode>;

const broken = (reason: string, cause?: unknown): SymbolonError<'hsm/record-broken'> =>
  new SymbolonError('hsm/record-broken', { reason }, { cause });

/**
 * Seals a secret of 1 to {@link maxSecret} bytes for one place. The caller keeps and wipes `secret`.
 * @returns the bytes of the record, at most maxSealedRecord
 * @throws SymbolonError `hsm/*` of the link; `wire/unexpected-shape`, `wire/oversize` for a context that no record holds
 */
export async function sealRecord(
  link: HsmLink,
  context: SealContext,
  secret: Uint8Array,
  random: Random,
): Promise<Uint8Array> {
  if (secret.length < 1 || secret.length > maxSecret) {
    throw new SymbolonError('wire/oversize', { what: 'secret', size: secret.length, limit: maxSecret });
  }
  const { algorithm, label, serial, keyId } = link.token;
  const header = headerFormat.encode({
    v: version,
    algorithm,
    token: { label, serial, keyId },
    // Field by field: a caller's object may have more than a context has.
    context: {
      cluster: context.cluster,
      node: context.node,
      kind: context.kind,
      subject: context.subject,
      generation: context.generation,
    },
    open: context.open,
  });
  // What could not be opened again is not sealed.
  headerFormat.decode(header);
  const { wrapped, ikm } = await link.newKeyMaterial();
  const binding = bindingOf(header, wrapped);
  let kek: Uint8Array | undefined;
  try {
    const salt = random(saltLength);
    const iv = random(ivLength);
    kek = kekOf(ikm, salt, binding);
    const cipher = createCipheriv('aes-256-gcm', kek, iv).setAAD(binding);
    const sealed = new Uint8Array(secret.length + tagLength);
    sealed.set(cipher.update(secret));
    cipher.final();
    sealed.set(cipher.getAuthTag(), secret.length);
    return recordFormat.encode({ header, wrapped, salt, iv, sealed });
  } finally {
    ikm.fill(0);
    kek?.fill(0);
  }
}

/**
 * Opens a record that must belong to `expected` and to the token of the link. Every difference that the header shows is
 * refused by name before the token is asked; every other changed byte is `hsm/record-broken`. The caller owns and wipes
 * `secret`, and compares it with its public commitment (T29).
 * @throws SymbolonError `hsm/record-*`, and `hsm/*` of the link
 */
export async function openRecord(
  link: HsmLink,
  raw: Uint8Array,
  expected: ExpectedContext,
): Promise<{ readonly context: SealContext; readonly secret: Uint8Array }> {
  const { parts, header } = parse(raw);
  checkContext(header, expected);
  checkToken(header, link.token);
  const ikm = await recover(link, parts.wrapped);
  const binding = bindingOf(parts.header, parts.wrapped);
  const end = parts.sealed.length - tagLength;
  let kek: Uint8Array | undefined;
  let plain: Uint8Array | undefined;
  try {
    kek = kekOf(ikm, parts.salt, binding);
    const decipher = createDecipheriv('aes-256-gcm', kek, parts.iv, { authTagLength: tagLength })
      .setAAD(binding)
      .setAuthTag(parts.sealed.subarray(end));
    plain = decipher.update(parts.sealed.subarray(0, end));
    decipher.final();
    return { context: contextOf(header), secret: Uint8Array.from(plain) };
  } catch (cause) {
    throw broken(notAuthentic, cause);
  } finally {
    ikm.fill(0);
    kek?.fill(0);
    plain?.fill(0);
  }
}

/** What a record says of itself. Nobody has checked it: for listings and for choosing a token, never for a decision. */
export function unsafeReadRecord(raw: Uint8Array): RecordHeader {
  const { header } = parse(raw);
  return { context: contextOf(header), token: header.token, algorithm: header.algorithm };
}

/** One text for all failures of authentication: which part was changed is nobody's business. */
const notAuthentic = 'not authentic';

function parse(raw: Uint8Array): { readonly parts: SealedRecord; readonly header: Header } {
  let parts: SealedRecord;
  try {
    parts = recordFormat.decode(raw);
  } catch (cause) {
    throw broken(isSymbolonError(cause, 'wire/oversize') ? 'too long' : 'not a record', cause);
  }
  try {
    return { parts, header: headerFormat.decode(parts.header) };
  } catch (cause) {
    const found = versionOf(parts.header);
    throw found === undefined || found === version
      ? broken('header not of its version', cause)
      : new SymbolonError('hsm/record-version', { wanted: version, found });
  }
}

/** The `v` of a header of any version. */
function versionOf(header: Uint8Array): number | undefined {
  try {
    const value = decodeCbor(header, { maxBytes: headerFormat.maxBytes });
    const v = value instanceof Map ? (value as ReadonlyMap<string | number, unknown>).get('v') : undefined;
    return typeof v === 'number' ? v : undefined;
  } catch (error) {
    if (isSymbolonError(error)) {
      return undefined;
    }
    throw error;
  }
}

function checkContext({ context }: Header, expected: ExpectedContext): void {
  const wantedCluster = toHex(expected.cluster);
  const foundCluster = toHex(context.cluster);
  if (foundCluster !== wantedCluster) {
    throw new SymbolonError('hsm/record-other-cluster', { wanted: wantedCluster, found: foundCluster });
  }
  if (context.node !== expected.node) {
    throw new SymbolonError('hsm/record-other-node', { wanted: expected.node, found: context.node });
  }
  if (context.kind !== expected.kind) {
    throw new SymbolonError('hsm/record-other-kind', { wanted: expected.kind, found: context.kind });
  }
  if (context.subject !== expected.subject) {
    throw new SymbolonError('hsm/record-other-subject', { wanted: expected.subject, found: context.subject });
  }
  if (context.generation !== expected.generation) {
    throw new SymbolonError('hsm/record-other-generation', {
      wanted: expected.generation,
      found: context.generation,
    });
  }
}

function checkToken({ token, algorithm }: Header, own: TokenIdentity): void {
  if (token.label !== own.label || token.serial !== own.serial) {
    throw new SymbolonError('hsm/record-other-token', {
      wanted: `${own.label} ${own.serial}`,
      found: `${token.label} ${token.serial}`,
    });
  }
  if (token.keyId !== own.keyId) {
    throw new SymbolonError('hsm/record-other-wrapping-key', { wanted: own.keyId, found: token.keyId });
  }
  if (algorithm !== own.algorithm) {
    throw new SymbolonError('hsm/record-other-algorithm', { wanted: own.algorithm, found: algorithm });
  }
}

async function recover(link: HsmLink, wrapped: Uint8Array): Promise<Uint8Array> {
  try {
    return await link.recoverKeyMaterial(wrapped);
  } catch (error) {
    throw isSymbolonError(error, 'hsm/wrapped-refused') ? broken(notAuthentic, error) : error;
  }
}

/** SHA-256 over header and wrapped key material, each with its length (T18). */
const bindingOf = (header: Uint8Array, wrapped: Uint8Array): Uint8Array =>
  hashOf('symbolon/seal/1', header, wrapped);

/** HKDF-SHA256 (RFC 5869): the key is of this header, this wrapping and this salt only. */
function kekOf(ikm: Uint8Array, salt: Uint8Array, binding: Uint8Array): Uint8Array {
  if (ikm.length !== ikmLength) {
    throw broken('key material of another length');
  }
  const info = Buffer.concat([Buffer.from('symbolon/seal/kek/1\0', 'latin1'), binding]);
  return new Uint8Array(hkdfSync('sha256', ikm, salt, info, 32));
}

const contextOf = ({ context, open }: Header): SealContext => ({ ...context, open });
