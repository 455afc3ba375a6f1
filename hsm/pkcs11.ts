/**
 * The one file that loads vendor code: pkcs11js and through it a PKCS#11 module. Synchronous calls only: the
 * asynchronous ones of pkcs11js 2.1.7 keep raw pointers to buffers that may be collected. Loaded only by the HSM
 * process and the enrolment process, never by a process that holds shares.
 */
import { createRequire } from 'node:module';
import type * as Pkcs11 from 'pkcs11js';
import { SymbolonError } from '../wire/errors/index.ts';

/** A loaded module: the functions, and the constants of PKCS#11 2.40. */
export interface Cryptoki {
  readonly lib: Pkcs11.PKCS11;
  readonly ck: typeof Pkcs11;
}
/** A handle of a slot, session or object. */
export type Handle = Pkcs11.Handle;
/** Attributes of an object. */
export type Template = Pkcs11.Template;

/** A PKCS#11 call that did not return CKR_OK. Stays inside this folder: it becomes a catalogue error at the border. */
export class VendorError extends Error {
  override readonly name = 'VendorError';
  /** Name of the function, for example `C_Decrypt`. */
  readonly operation: string;
  /** Symbolic return value, for example `CKR_GENERAL_ERROR`. */
  readonly rv: string;

  constructor(operation: string, rv: string) {
    super(`${operation}: ${rv}`);
    this.operation = operation;
    this.rv = rv;
  }
}

/**
 * Runs one PKCS#11 call. Of the vendor's error only the symbolic return value is kept: its text and stack could repeat
 * arguments (T33).
 */
export function call<T>(operation: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const named =
      error instanceof Error ? /CKR_[A-Z0-9_]+/.exec(`${error.message} ${error.stack ?? ''}`) : null;
    throw new VendorError(operation, named?.[0] ?? 'not a PKCS#11 return value');
  }
}

/** The catalogue error that a vendor error becomes at the border; others pass unchanged. */
export function toCatalogue(error: unknown): unknown {
  return error instanceof VendorError
    ? new SymbolonError('hsm/token-failed', { operation: error.operation, rv: error.rv })
    : error;
}

/**
 * Loads the binding and the module at `path`, and initialises it with operating system locks (the module may have
 * threads of its own).
 * @throws SymbolonError `hsm/module-absent`
 */
export function loadCryptoki(path: string): Cryptoki {
  let loaded: Cryptoki;
  try {
    const ck = createRequire(import.meta.url)('pkcs11js') as typeof Pkcs11;
    const lib = new ck.PKCS11();
    lib.load(path);
    loaded = { lib, ck };
  } catch (error) {
    throw new SymbolonError('hsm/module-absent', { tried: [path] }, { cause: error });
  }
  initialize(loaded);
  return loaded;
}

function initialize({ lib, ck }: Cryptoki): void {
  try {
    call('C_Initialize', () => {
      lib.C_Initialize({ flags: ck.CKF_OS_LOCKING_OK });
    });
  } catch (error) {
    // PKCS#11 2.40 section 5.4: initialised by someone else in this process is as good as by us.
    if (!isReturn(error, 'CKR_CRYPTOKI_ALREADY_INITIALIZED')) {
      throw error;
    }
  }
}

/** Finalises and initialises again: some modules list a new token's slot only then. All sessions are gone after. */
export function reinitialize(cryptoki: Cryptoki): void {
  call('C_Finalize', () => {
    cryptoki.lib.C_Finalize();
  });
  initialize(cryptoki);
}

/** Whether `error` is a vendor error with one of these return values. */
export function isReturn(error: unknown, ...values: readonly string[]): error is VendorError {
  return error instanceof VendorError && values.includes(error.rv);
}

/** A token that is present: its slot, and what it says of itself with the padding of PKCS#11 removed. */
export interface PresentToken {
  readonly slot: Handle;
  readonly label: string;
  readonly serial: string;
  readonly flags: number;
}

/** All tokens that are present and initialised. */
export function presentTokens({ lib, ck }: Cryptoki): PresentToken[] {
  const slots = call('C_GetSlotList', () => lib.C_GetSlotList(true));
  return slots
    .map((slot) => ({ slot, info: call('C_GetTokenInfo', () => lib.C_GetTokenInfo(slot)) }))
    .filter(({ info }) => (info.flags & ck.CKF_TOKEN_INITIALIZED) !== 0)
    .map(({ slot, info }) => ({
      slot,
      label: unpad(info.label),
      serial: unpad(info.serialNumber),
      flags: info.flags,
    }));
}

/** PKCS#11 pads fixed text fields with blanks; some modules end them with zero bytes. */
export const unpad = (field: string): string => field.replace(/[\0 ]+$/, '');

/** Handles of at most 16 objects that match all attributes. */
export function findObjects({ lib }: Cryptoki, session: Handle, template: Template): Handle[] {
  call('C_FindObjectsInit', () => {
    lib.C_FindObjectsInit(session, template);
  });
  try {
    return call('C_FindObjects', () => lib.C_FindObjects(session, 16));
  } finally {
    call('C_FindObjectsFinal', () => {
      lib.C_FindObjectsFinal(session);
    });
  }
}

/** One attribute of an object, as bytes. */
export function attribute({ lib }: Cryptoki, session: Handle, object: Handle, type: number): Buffer {
  const [result] = call('C_GetAttributeValue', () => lib.C_GetAttributeValue(session, object, [{ type }]));
  if (result === undefined) {
    throw new VendorError('C_GetAttributeValue', 'no value');
  }
  return result.value;
}
