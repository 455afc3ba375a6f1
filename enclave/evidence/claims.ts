/**
 * What a node of this product binds into its evidence: its identity as `public_key`, its claims as `user_data`.
 * SPEC.md has the bytes.
 */
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import { anyClaimsBytes, identityBytes, type Claims, type Identity } from '../../wire/messages/session.ts';
import type { Statement } from './statement.ts';

/** What the verifier of evidence asks for. All of it is compared; there is no value that means "any" (T01). */
export interface Expected {
  /** The nonce that this verifier chose or took part in choosing, 16 to 64 bytes, used once (RFC 9711 section 4.1). */
  readonly nonce: Uint8Array;
  /** Evidence for a channel is no evidence for a session, and the reverse. */
  readonly role: Claims['role'];
  /** Id of the cluster, 16 bytes. */
  readonly cluster: Uint8Array;
  /** Name of the node in the manifest. */
  readonly node: string;
  /** Hash of the manifest that both must hold, 32 bytes. */
  readonly manifest: Uint8Array;
}

/** Claims of any version. */
export type AnyClaims = ReturnType<typeof anyClaimsBytes.decode>;

/** A node's claims and identity as bound in a verified document. */
export interface BoundClaims {
  readonly claims: AnyClaims;
  readonly identity: Identity;
}

/**
 * Reads what a verified document binds.
 * @throws SymbolonError `evidence/bad-claims`.
 */
export function readClaims(document: Pick<Statement, 'publicKey' | 'userData'>): BoundClaims {
  return {
    identity: decodeField('public_key', document.publicKey, identityBytes.decode),
    claims: decodeField('user_data', document.userData, anyClaimsBytes.decode),
  };
}

function decodeField<T>(field: string, raw: Uint8Array | undefined, decode: (raw: Uint8Array) => T): T {
  if (raw === undefined) {
    throw new SymbolonError('evidence/bad-claims', { field, reason: 'absent' });
  }
  try {
    return decode(raw);
  } catch (cause) {
    if (isSymbolonError(cause)) {
      throw new SymbolonError('evidence/bad-claims', { field, reason: cause.message }, { cause });
    }
    throw cause;
  }
}

/**
 * Compares every claim with what the verifier asks for. Claims of version 1 have no marks: a node that shows them could be
 * rolled back unseen (T09), so they are read and not accepted.
 * @returns the claims.
 * @throws SymbolonError `evidence/claim-mismatch`.
 */
export function checkClaims(claims: AnyClaims, expected: Expected): Claims {
  const compare = (claim: string, wanted: string, got: string): void => {
    if (wanted !== got) {
      throw new SymbolonError('evidence/claim-mismatch', { claim, wanted, got });
    }
  };
  if (claims.v !== 2) {
    throw new SymbolonError('evidence/claim-mismatch', { claim: 'v', wanted: '2', got: String(claims.v) });
  }
  compare('role', expected.role, claims.role);
  compare('cluster', toHex(expected.cluster), toHex(claims.cluster));
  compare('node', expected.node, claims.node);
  compare('manifest', toHex(expected.manifest), toHex(claims.manifest));
  return claims;
}

/**
 * Compares the nonce in constant time (T02): the document was made after this verifier asked, for this question.
 * @throws SymbolonError `evidence/nonce-mismatch`.
 */
export function checkNonce(got: Uint8Array | undefined, wanted: Uint8Array): void {
  if (got === undefined || !equalBytes(got, wanted)) {
    throw new SymbolonError('evidence/nonce-mismatch', {
      wanted: toHex(wanted),
      got: got === undefined ? 'absent' : toHex(got),
    });
  }
}
