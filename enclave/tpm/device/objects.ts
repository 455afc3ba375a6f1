/** Commands that make, load and use objects (TPM 2.0 Part 3 sections 12, 18, 24 and 28). */
import { alg } from '../algorithms.ts';
import { TpmReader, TpmWriter } from '../bytes.ts';
import { writePcrSelections, type PcrSelection } from '../pcrs.ts';
import { nameOf, readTpmPublic, writeTpmPublic, type TpmPublic } from '../public.ts';
import { execute, type Authorization } from './command.ts';
import type { Ask } from './link.ts';
import { plainEntity, type Entity, type LoadedKey, type Session } from './session.ts';

/** Bytes of the largest TPM2B_PUBLIC and TPM2B_PRIVATE that we take. */
const maxArea = 1024;
/** TPM2B_NAME. */
const maxName = 66;
/** A sealed secret (MAX_SYM_DATA, Part 2 section 11.1.13). */
export const maxSealed = 128;

/** A loaded key with its public area as the TPM gave it. */
export interface OwnedKey extends LoadedKey {
  /** TPMT_PUBLIC. */
  readonly publicBytes: Uint8Array;
}

/** TPM2_CreatePrimary (section 24.1) with an empty auth value for the key. The caller flushes the handle. */
export async function createPrimary(
  ask: Ask,
  parent: number,
  auth: Authorization,
  template: TpmPublic,
): Promise<OwnedKey> {
  const noSensitive = new TpmWriter().sized().sized().done();
  const { handle, parameters } = await execute(ask, {
    command: 'CreatePrimary',
    entities: [plainEntity(parent)],
    authorizations: [auth],
    parameters: new TpmWriter().sized(noSensitive).sized(writeTpmPublic(template)).sized().u32(0).done(),
    givesHandle: true,
  });
  try {
    const reader = new TpmReader('CreatePrimary', parameters);
    const publicBytes = reader.sized(maxArea);
    skipCreation(reader);
    const name = reader.sized(maxName);
    reader.end();
    return { ...keyOf(reader, handle, publicBytes, name), publicBytes };
  } catch (error) {
    await flush(ask, handle);
    throw error;
  }
}

/** creationData, creationHash and creationTicket: nobody asks for them. */
function skipCreation(reader: TpmReader): void {
  reader.sized(maxArea);
  reader.sized(64);
  reader.u16();
  reader.u32();
  reader.sized(64);
}

function keyOf(reader: TpmReader, handle: number, publicBytes: Uint8Array, name: Uint8Array): LoadedKey {
  const area = readTpmPublic(publicBytes);
  const own = nameOf(publicBytes);
  if (Buffer.compare(own, name) !== 0) {
    reader.refuse('the Name is not that of the public area');
  }
  return { handle, name: own, area };
}

/** TPM2_ReadPublic (section 12.4). */
export async function readPublic(ask: Ask, handle: number): Promise<OwnedKey> {
  const { parameters } = await execute(ask, {
    command: 'ReadPublic',
    entities: [plainEntity(handle)],
  });
  const reader = new TpmReader('ReadPublic', parameters);
  const publicBytes = reader.sized(maxArea);
  const name = reader.sized(maxName);
  reader.sized(maxName);
  reader.end();
  return { ...keyOf(reader, handle, publicBytes, name), publicBytes };
}

/** What TPM2_Create gives: the public area, and the secret part as only the parent's TPM opens it. */
export interface SealedBlob {
  /** TPMT_PUBLIC. */
  readonly publicArea: Uint8Array;
  /** What a TPM2B_PRIVATE holds. */
  readonly privateArea: Uint8Array;
}

/**
 * TPM2_Create (section 12.1) of a sealed data object; secret and auth value go encrypted under `session`.
 * @param session - a salted HMAC session; it authorizes `parent`, whose auth value is empty.
 */
export async function create(
  ask: Ask,
  parent: LoadedKey,
  session: Session,
  template: TpmPublic,
  sensitive: { readonly auth: Uint8Array; readonly data: Uint8Array },
): Promise<SealedBlob> {
  const inner = new TpmWriter().sized(sensitive.auth).sized(sensitive.data);
  const innerBytes = inner.done();
  const outer = new TpmWriter().sized(innerBytes).sized(writeTpmPublic(template)).sized().u32(0);
  const command = outer.done();
  inner.wipe();
  innerBytes.fill(0);
  outer.wipe();
  let parameters: Uint8Array;
  try {
    ({ parameters } = await execute(ask, {
      command: 'Create',
      entities: [parent],
      authorizations: [{ session, auth: new Uint8Array(), decrypt: true }],
      parameters: command,
    }));
  } finally {
    command.fill(0);
  }
  const reader = new TpmReader('Create', parameters);
  const privateArea = reader.sized(maxArea);
  const publicArea = reader.sized(maxArea);
  skipCreation(reader);
  reader.end();
  readTpmPublic(publicArea);
  return { publicArea, privateArea };
}

/**
 * TPM2_Load (section 12.2) below a parent with an empty auth value. The Name is computed here from the public area: what is done
 * with the object in a session is bound to it. The caller flushes the handle.
 */
export async function load(ask: Ask, parent: LoadedKey, blob: SealedBlob): Promise<Entity> {
  const name = nameOf(blob.publicArea);
  const { handle, parameters } = await execute(ask, {
    command: 'Load',
    entities: [parent],
    authorizations: ['empty'],
    parameters: new TpmWriter().sized(blob.privateArea).sized(blob.publicArea).done(),
    givesHandle: true,
  });
  try {
    const reader = new TpmReader('Load', parameters);
    if (Buffer.compare(reader.sized(maxName), name) !== 0) {
      reader.refuse('the Name is not that of the public area');
    }
    reader.end();
    return { handle, name };
  } catch (error) {
    await flush(ask, handle);
    throw error;
  }
}

/** TPM2_Unseal (section 12.7); the secret comes encrypted under `session`. The caller owns and wipes it. */
export async function unsealObject(
  ask: Ask,
  object: Entity,
  session: Session,
  auth: Uint8Array,
): Promise<Uint8Array> {
  const { parameters } = await execute(ask, {
    command: 'Unseal',
    entities: [object],
    authorizations: [{ session, auth, encrypt: true }],
  });
  try {
    const reader = new TpmReader('Unseal', parameters);
    const secret = reader.sized(maxSealed);
    reader.end();
    return secret;
  } finally {
    parameters.fill(0);
  }
}

/** TPM2_FlushContext (section 28.4). Flushing what is gone already is no error. */
export async function flush(ask: Ask, handle: number): Promise<void> {
  try {
    await execute(ask, {
      command: 'FlushContext',
      parameters: new TpmWriter().u32(handle).done(),
    });
  } catch {
    // A reset, or the TPM itself, took it: there is nothing left to flush. What is worse shows at the next command.
  }
}

/** TPM2_ContextSave (section 28.2): the object as only this TPM, until its next reset, can load it again. */
export async function saveContext(ask: Ask, handle: number): Promise<Uint8Array> {
  const { parameters } = await execute(ask, {
    command: 'ContextSave',
    parameters: new TpmWriter().u32(handle).done(),
  });
  return parameters;
}

/** TPM2_ContextLoad (section 28.3). The caller flushes the handle. */
export async function loadContext(ask: Ask, context: Uint8Array): Promise<number> {
  const { handle, parameters } = await execute(ask, {
    command: 'ContextLoad',
    parameters: context,
    givesHandle: true,
  });
  new TpmReader('ContextLoad', parameters).end();
  return handle;
}

/** TPM2_EvictControl (section 28.5): keeps a loaded object at a persistent handle, or takes it away from there. */
export async function evictControl(
  ask: Ask,
  auth: Authorization,
  owner: number,
  object: Entity,
  persistent: number,
): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'EvictControl',
    entities: [plainEntity(owner), object],
    authorizations: [auth],
    parameters: new TpmWriter().u32(persistent).done(),
  });
  new TpmReader('EvictControl', parameters).end();
}

/** TPM2_Quote (section 18.4) by a key with an empty auth value and a scheme of its own: TPMS_ATTEST and TPMT_SIGNATURE as they came. */
export async function quoteBy(
  ask: Ask,
  key: Entity,
  extraData: Uint8Array,
  selections: readonly PcrSelection[],
): Promise<{ readonly attested: Uint8Array; readonly signature: Uint8Array }> {
  const { parameters } = await execute(ask, {
    command: 'Quote',
    entities: [key],
    authorizations: ['empty'],
    parameters: new TpmWriter().sized(extraData).u16(alg.null).raw(writePcrSelections(selections)).done(),
  });
  const reader = new TpmReader('Quote', parameters);
  const attested = reader.sized(maxArea);
  return { attested, signature: reader.take(reader.left) };
}

/**
 * TPM2_ActivateCredential (section 12.5): the secret of a credential, encrypted under `ekSession` on its way. The caller owns
 * and wipes it.
 * @param ekSession - a policy session that fulfils the endorsement key's policy.
 */
export async function activate(
  ask: Ask,
  key: Entity,
  ek: Entity,
  ekSession: Session,
  credential: { readonly credentialBlob: Uint8Array; readonly encryptedSecret: Uint8Array },
): Promise<Uint8Array> {
  const { parameters } = await execute(ask, {
    command: 'ActivateCredential',
    entities: [key, ek],
    authorizations: ['empty', { session: ekSession, auth: new Uint8Array(), encrypt: true }],
    parameters: new TpmWriter().sized(credential.credentialBlob).sized(credential.encryptedSecret).done(),
  });
  try {
    const reader = new TpmReader('ActivateCredential', parameters);
    const secret = reader.sized(64);
    reader.end();
    return secret;
  } finally {
    parameters.fill(0);
  }
}
