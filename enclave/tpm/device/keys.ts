/** Primary keys for the length of a piece of work: made or loaded before it, flushed after it. */
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import { hierarchy, storageRootTemplate } from '../templates.ts';
import type { TpmPublic } from '../public.ts';
import type { Random } from '../sharedSecret.ts';
import type { Authorization } from './command.ts';
import type { Ask } from './link.ts';
import { createPrimary, flush, loadContext, saveContext, type OwnedKey } from './objects.ts';
import { Session, type LoadedKey } from './session.ts';

/** Auth values of the hierarchies; empty where the machine's owner has set none. */
export interface HierarchyAuth {
  readonly owner: Uint8Array;
  readonly endorsement: Uint8Array;
}

/** Runs `work` with a started session; it is flushed and wiped afterwards. */
export async function withSession<T>(
  ask: Ask,
  random: Random,
  kind: 'hmac' | 'policy',
  salt: LoadedKey | undefined,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.start(ask, random, kind, salt);
  try {
    return await work(session);
  } finally {
    session.wipe();
    await flush(ask, session.handle);
  }
}

/**
 * Runs `work` with what authorizes a hierarchy: its auth value is proven by an HMAC, never sent. Such a session has no salt, for
 * no key is there yet that could encrypt one: who listens can try weak values against the HMAC.
 */
export async function withHierarchy<T>(
  ask: Ask,
  random: Random,
  auth: Uint8Array,
  work: (auth: Authorization) => Promise<T>,
): Promise<T> {
  return auth.length === 0
    ? await work('empty')
    : await withSession(ask, random, 'hmac', undefined, (session) => work({ session, auth }));
}

/** Runs `work` with a primary key; it is flushed afterwards. */
export async function withPrimary<T>(
  ask: Ask,
  random: Random,
  parent: { readonly handle: number; readonly auth: Uint8Array },
  template: TpmPublic,
  work: (key: OwnedKey) => Promise<T>,
): Promise<T> {
  const key = await withHierarchy(ask, random, parent.auth, (auth) =>
    createPrimary(ask, parent.handle, auth, template),
  );
  try {
    return await work(key);
  } finally {
    await flush(ask, key.handle);
  }
}

/**
 * Runs `work` with the storage root key.
 * @param pinned - its Name; every salt is encrypted to this key, so an unknown one protects nothing.
 * @throws SymbolonError `tpm/other-storage-root`.
 */
export function withStorageRoot<T>(
  ask: Ask,
  random: Random,
  ownerAuth: Uint8Array,
  pinned: Uint8Array | 'unpinned',
  work: (key: OwnedKey) => Promise<T>,
): Promise<T> {
  const parent = { handle: hierarchy.owner, auth: ownerAuth };
  return withPrimary(ask, random, parent, storageRootTemplate, async (key) => {
    if (pinned !== 'unpinned' && Buffer.compare(pinned, key.name) !== 0) {
      throw new SymbolonError('tpm/other-storage-root', { wanted: hexOf(pinned), found: hexOf(key.name) });
    }
    return await work(key);
  });
}

/** Names are public; facts carry them in hexadecimal. */
const hexOf = (name: Uint8Array): string => Buffer.from(name).toString('hex');

/**
 * A primary key of the endorsement hierarchy that is used again and again. Making it takes most of the time of a quote, so it is made
 * once and put aside as a saved context, which the TPM takes back until it is reset. It occupies no slot in between.
 */
export class KeptKey {
  readonly #template: TpmPublic;
  #kept: { readonly key: OwnedKey; readonly context: Uint8Array } | undefined;

  constructor(template: TpmPublic) {
    this.#template = template;
  }

  /** Runs `work` with the loaded key; it is flushed afterwards. */
  async use<T>(
    ask: Ask,
    random: Random,
    endorsementAuth: Uint8Array,
    work: (key: OwnedKey) => Promise<T>,
  ): Promise<T> {
    const key = (await this.#loaded(ask)) ?? (await this.#made(ask, random, endorsementAuth));
    try {
      return await work(key);
    } finally {
      await flush(ask, key.handle);
    }
  }

  async #loaded(ask: Ask): Promise<OwnedKey | undefined> {
    if (this.#kept === undefined) {
      return undefined;
    }
    try {
      return { ...this.#kept.key, handle: await loadContext(ask, this.#kept.context) };
    } catch (error) {
      // After a reset the TPM takes no context from before: the key is made again, from the same seed.
      if (!isSymbolonError(error, 'tpm/refused')) {
        throw error;
      }
      this.#kept = undefined;
      return undefined;
    }
  }

  async #made(ask: Ask, random: Random, endorsementAuth: Uint8Array): Promise<OwnedKey> {
    const key = await withHierarchy(ask, random, endorsementAuth, (auth) =>
      createPrimary(ask, hierarchy.endorsement, auth, this.#template),
    );
    try {
      this.#kept = { key, context: await saveContext(ask, key.handle) };
    } catch (error) {
      await flush(ask, key.handle);
      throw error;
    }
    return key;
  }
}
