/**
 * Presence: the owner of an attested identity says that it takes part in a session. It stands for the nonce where
 * evidence of an earlier session is taken again: the session id holds every verifier's own nonce. SPEC.md section 7.
 */
import { sign, verify } from 'node:crypto';
import { hashOf } from '../../wire/ids.ts';
import type { Identity } from '../../wire/messages/session.ts';
import type { EnvelopeKeys } from './identity.ts';
import { publicKeyFromRaw } from './keys.ts';

const signedHash = (session: Uint8Array, node: string): Uint8Array =>
  hashOf('symbolon/presence/1', session, node);

/** Ed25519 over session id and name, 64 bytes. */
export const signPresence = (identity: EnvelopeKeys, session: Uint8Array, node: string): Uint8Array =>
  new Uint8Array(sign(null, signedHash(session, node), identity.signKey));

/**
 * Whether the owner of `identity` signed that it takes part in this session under this name.
 * @throws SymbolonError `channel/bad-key` where the identity's key is none.
 */
export const isPresent = (
  identity: Identity,
  session: Uint8Array,
  node: string,
  presence: Uint8Array,
): boolean => verify(null, signedHash(session, node), publicKeyFromRaw('ed25519', identity.sign), presence);
