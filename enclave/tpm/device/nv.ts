/** Commands of the TPM's own memory (TPM 2.0 Part 3 section 31): certificates that the maker put there, and counters of ours. */
import { createHash } from 'node:crypto';
import { algOfHash, hashOfAlg } from '../algorithms.ts';
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
} as const;

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
 * TPM2_NV_Read (section 31.13): all of an index that its own, empty auth value may read.
 * @param auth - a salted session, where the answer must be authentic.
 */
export async function readNv(ask: Ask, index: NvIndex, auth: Authorization): Promise<Uint8Array> {
  const most = Math.min((await readProperty(ask, property.nvBufferMax)) ?? 512, 1024);
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
  const { authRead, authWrite, ownerRead, counter, noDA } = nvAttribute;
  const area = new TpmWriter()
    .u32(handle)
    .u16(algOfHash.sha256)
    .u32(authRead | authWrite | ownerRead | counter | noDA)
    .sized()
    .u16(8)
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
