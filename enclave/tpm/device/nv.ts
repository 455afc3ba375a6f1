/** Commands of the TPM's own memory (TPM 2.0 Part 3 section 31): certificates that the maker put there, and counters of ours. */
import { createHash } from 'node:crypto';
import { algOfHash, hashOfAlg } from '../algorithms.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { TpmReader, TpmWriter } from '../bytes.ts';
import { execute, type Authorization } from './command.ts';
import { property, readProperty } from './general.ts';
import type { Ask } from './link.ts';
import { plainEntity, type Entity } from './session.ts';

/** Bits of TPMA_NV (Part 2 section 13.4). */
export const nvAttribute = {
  authWrite: 1 << 2,
  /** TPM_NT of a counter, in bits 4 to 7. */
  counter: 1 << 4,
  ownerRead: 1 << 17,
  authRead: 1 << 18,
  noDA: 1 << 25,
  /** The TPM sets it with the first write; until then the index can't be read. */
  written: 1 << 29,
} as const;

/** Attributes of our counters; the TPM adds `written`. */
const counterAttributes =
  nvAttribute.authRead |
  nvAttribute.authWrite |
  nvAttribute.ownerRead |
  nvAttribute.counter |
  nvAttribute.noDA;
/** Bytes of a counter (Part 2 section 13.2, TPM_NT_COUNTER). */
const counterBytes = 8;

/** An NV index. */
export interface NvIndex extends Entity {
  /** Bits of {@link nvAttribute} and others. */
  readonly attributes: number;
  /** Bytes that it holds. */
  readonly size: number;
}

/** TPM2_NV_ReadPublic (section 31.6). */
export async function readNvPublic(ask: Ask, handle: number): Promise<NvIndex> {
  const { parameters } = await execute(ask, { command: 'NV_ReadPublic', entities: [plainEntity(handle)] });
  const reader = new TpmReader('NV_ReadPublic', parameters);
  const area = reader.sized(128);
  const name = reader.sized(66);
  reader.end();
  const inner = new TpmReader('TPMS_NV_PUBLIC', area);
  if (inner.u32() !== handle) {
    inner.refuse('another index than was asked for');
  }
  const nameAlg = hashOfAlg(inner.u16());
  const attributes = inner.u32();
  inner.sized(64);
  const size = inner.u16();
  inner.end();
  if (nameAlg === undefined) {
    return inner.refuse('an unknown name algorithm');
  }
  // Part 1 section 16: the Name of an index is made as that of an object.
  const own = new TpmWriter().u16(algOfHash[nameAlg]).raw(createHash(nameAlg).update(area).digest()).done();
  if (Buffer.compare(own, name) !== 0) {
    inner.refuse('the Name is not that of the public area');
  }
  return { handle, name: own, attributes, size };
}

/**
 * {@link readNvPublic} of a counter as {@link defineCounter} makes it, written or not yet. Whoever has the owner's auth value can put
 * another index of 8 bytes at the same handle, and set that one back. The Name binds these attributes to what is then authorized.
 * @throws SymbolonError `tpm/not-the-counter`.
 */
export async function readCounterPublic(ask: Ask, handle: number): Promise<NvIndex> {
  const index = await readNvPublic(ask, handle);
  // TPM_NT stands in the attributes: all its four bits are compared with them.
  if ((index.attributes & ~nvAttribute.written) !== counterAttributes || index.size !== counterBytes) {
    throw new SymbolonError('tpm/not-the-counter', {
      index: hex32(handle),
      attributes: hex32(index.attributes),
      size: index.size,
    });
  }
  return index;
}

const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

/**
 * TPM2_NV_Read (section 31.13): all of an index that its own, empty auth value may read.
 * @param auth - a salted session, where the answer must be authentic.
 */
export async function readNv(ask: Ask, index: NvIndex, auth: Authorization): Promise<Uint8Array> {
  const most = Math.min((await readProperty(ask, property.nvBufferMax)) ?? 512, 1024);
  // Nobody authenticates the property. With 0 every read would ask for nothing, without end.
  if (most === 0) {
    throw new SymbolonError('tpm/malformed', {
      what: 'GetCapability',
      reason: 'a TPM that reads 0 bytes of an index at once',
      offset: 0,
    });
  }
  const out = new Uint8Array(index.size);
  for (let at = 0; at < index.size;) {
    const wanted = Math.min(index.size - at, most);
    const { parameters } = await execute(ask, {
      command: 'NV_Read',
      entities: [index, index],
      authorizations: [auth],
      parameters: new TpmWriter().u16(wanted).u16(at).done(),
    });
    const reader = new TpmReader('NV_Read', parameters);
    const part = reader.sized(wanted);
    if (part.length !== wanted) {
      reader.refuse('fewer bytes than were asked for');
    }
    reader.end();
    out.set(part, at);
    at += wanted;
  }
  return out;
}

/** TPM2_NV_DefineSpace (section 31.3) of a counter that its own empty auth value reads and increments. */
export async function defineCounter(
  ask: Ask,
  owner: Entity,
  auth: Authorization,
  handle: number,
): Promise<void> {
  const area = new TpmWriter()
    .u32(handle)
    .u16(algOfHash.sha256)
    .u32(counterAttributes)
    .sized()
    .u16(counterBytes)
    .done();
  const { parameters } = await execute(ask, {
    command: 'NV_DefineSpace',
    entities: [owner],
    authorizations: [auth],
    parameters: new TpmWriter().sized().sized(area).done(),
  });
  new TpmReader('NV_DefineSpace', parameters).end();
}

/** TPM2_NV_Increment (section 31.8). The Name of the index changes when it is first written. */
export async function incrementNv(ask: Ask, index: NvIndex, auth: Authorization): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'NV_Increment',
    entities: [index, index],
    authorizations: [auth],
  });
  new TpmReader('NV_Increment', parameters).end();
}

/** TPM2_NV_UndefineSpace (section 31.4). */
export async function undefineNv(
  ask: Ask,
  owner: Entity,
  auth: Authorization,
  index: NvIndex,
): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'NV_UndefineSpace',
    entities: [owner, index],
    authorizations: [auth],
  });
  new TpmReader('NV_UndefineSpace', parameters).end();
}
