/** Commands that build up a policy session (TPM 2.0 Part 3 section 23). */
import { TpmReader, TpmWriter } from '../bytes.ts';
import { writePcrSelections, type PcrSelection } from '../pcrs.ts';
import { execute, type Authorization } from './command.ts';
import type { Ask } from './link.ts';
import { plainEntity, type Entity, type Session } from './session.ts';

/**
 * TPM2_PolicyPCR (section 23.7): the registers as they are now go into the session's digest. Whether they are the wanted ones shows where
 * the session is used.
 */
export async function policyPcrs(
  ask: Ask,
  session: Session,
  selections: readonly PcrSelection[],
): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'PolicyPCR',
    entities: [plainEntity(session.handle)],
    parameters: new TpmWriter().sized().raw(writePcrSelections(selections)).done(),
  });
  new TpmReader('PolicyPCR', parameters).end();
}

/** TPM2_PolicyAuthValue (section 23.17): the object's auth value is proven by the session's HMAC, never sent. */
export async function policyAuth(ask: Ask, session: Session): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'PolicyAuthValue',
    entities: [plainEntity(session.handle)],
  });
  new TpmReader('PolicyAuthValue', parameters).end();
  session.authValueNeeded = true;
}

/** TPM2_PolicySecret (section 23.4) with an entity's auth value, for this session and without an end in time. */
export async function policyBySecret(
  ask: Ask,
  session: Session,
  entity: Entity,
  auth: Authorization,
): Promise<void> {
  const { parameters } = await execute(ask, {
    command: 'PolicySecret',
    entities: [entity, plainEntity(session.handle)],
    authorizations: [auth],
    // nonceTPM, cpHashA, policyRef, expiration.
    parameters: new TpmWriter().sized(session.nonceTpm).sized().sized().u32(0).done(),
  });
  const reader = new TpmReader('PolicySecret', parameters);
  // timeout and policyTicket: empty, since no expiration was asked for.
  reader.sized(64);
  reader.u16();
  reader.u32();
  reader.sized(64);
  reader.end();
}

/** TPM2_PolicyGetDigest (section 23.6). */
export async function policyDigestOf(ask: Ask, session: Session): Promise<Uint8Array> {
  const { parameters } = await execute(ask, {
    command: 'PolicyGetDigest',
    entities: [plainEntity(session.handle)],
  });
  const reader = new TpmReader('PolicyGetDigest', parameters);
  const digest = reader.sized(64);
  reader.end();
  return digest;
}
