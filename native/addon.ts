/**
 * Loads the native addon (`native/build/Release/symbolon.node`), in this one place, at the first call. Where it can't be
 * loaded every call fails by name: there is no fallback that would silently leave a process unhardened, or do the
 * arithmetic of secrets slowly and in variable time (T39).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SymbolonError } from '../wire/errors/index.ts';

/** What the kernel says about this process. Limits are in bytes; an unlimited one is larger than any real size. */
export interface ProcessState {
  /** 0 where the process can not be dumped or traced by its own user (`PR_GET_DUMPABLE`). */
  readonly dumpable: number;
  /** Soft limit of a core file. */
  readonly coreSoft: number;
  /** Hard limit of a core file. */
  readonly coreHard: number;
  /** Soft limit of locked memory. */
  readonly memlock: number;
}

/** A function of bytes to new bytes that the caller owns. Throws TypeError for arguments that it does not take. */
export type OfBytes = (...parts: Uint8Array[]) => Uint8Array;

/** What the addon exports; each name is a function in C of the file that the comment names. */
export interface Addon {
  // process.c, secure_memory.c, notify.c, nsm.c
  readonly hardenProcess: () => void;
  readonly processState: () => ProcessState;
  readonly secureBuffer: (length: number) => Uint8Array;
  readonly notify: (address: string, state: string) => void;
  readonly nsmRequest: (descriptor: number, request: Uint8Array) => Promise<Uint8Array>;
  // scalars.c and vectors.c, once for each order
  readonly scalarsSecp256k1: ScalarFunctions;
  readonly scalarsP256: ScalarFunctions;
  readonly scalarsEd25519: ScalarFunctions;
  // bits.c
  readonly bits: {
    readonly transpose: (rows: Uint8Array, columns: number) => Uint8Array;
    readonly foldRows: FoldFunction;
    readonly foldRowsPortable: FoldFunction;
    readonly hasFastFold: () => boolean;
  };
  readonly secp256k1: {
    readonly decode: (encoded: Uint8Array) => Uint8Array | undefined;
    readonly baseProduct: OfBytes;
    readonly product: OfBytes;
    readonly publicSum: OfBytes;
    readonly add: OfBytes;
    readonly negate: OfBytes;
    readonly verifyEcdsa: Verifier;
    readonly verifySchnorr: Verifier;
  };
  readonly ed25519: {
    readonly isElement: (encoded: Uint8Array) => boolean;
    readonly baseProduct: OfBytes;
    readonly product: OfBytes;
    readonly publicSum: OfBytes;
    readonly add: OfBytes;
  };
  readonly ristretto255: {
    readonly areElements: (points: Uint8Array) => boolean;
    readonly fromHashes: OfBytes;
    readonly scalarsFromWide: OfBytes;
    readonly baseProducts: OfBytes;
    readonly products: OfBytes;
    readonly sums: OfBytes;
    readonly differences: OfBytes;
  };
  readonly p256: {
    readonly decode: (encoded: Uint8Array) => Uint8Array | undefined;
    readonly recover: OfBytes;
    readonly publicSum: OfBytes;
    readonly add: OfBytes;
    readonly negate: OfBytes;
  };
  /** Absent where this Node does not export what it needs of its OpenSSL. */
  readonly es384?: {
    readonly isKey: (point: Uint8Array) => boolean;
    readonly verify: (point: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean;
  };
}

/** Arithmetic modulo one order, of scalars.c on one scalar and of vectors.c on many. */
export interface ScalarFunctions {
  readonly add: OfBytes;
  readonly subtract: OfBytes;
  readonly negate: OfBytes;
  readonly multiply: OfBytes;
  readonly invert: OfBytes;
  readonly fromWide: OfBytes;
  readonly isCanonical: (raw: Uint8Array) => boolean;
  readonly reduceWide: OfBytes;
  readonly areCanonical: (vector: Uint8Array) => boolean;
  readonly differencePlus: OfBytes;
  readonly addSelected: OfBytes;
  readonly combineColumns: OfBytes;
  readonly subtractSelected: OfBytes;
  readonly sumRows: OfBytes;
  readonly sumSelected: OfBytes;
}

type Verifier = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
type FoldFunction = (
  rows: Uint8Array,
  weights: Uint8Array,
  rowBytes: number,
  dataBytes: number,
) => Uint8Array;

const addonPath = 'native/build/Release/symbolon.node';
let loaded: Addon | undefined;

/** The repository root, from `native/`, `dist/native/` or `.build/NAME/native/`: where package.json lies. */
function root(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) {
      throw new SymbolonError('native/not-built', {
        path: addonPath,
        reason: 'no package.json above this file',
      });
    }
    folder = above;
  }
  return folder;
}

/** The names of the addon, each with those that it holds, where it is not a function itself. */
const scalarNames =
  'add subtract negate multiply invert fromWide isCanonical reduceWide areCanonical differencePlus addSelected ' +
  'combineColumns subtractSelected sumRows sumSelected';
const expected: Readonly<Record<Exclude<keyof Addon, 'es384'>, string>> = {
  hardenProcess: '',
  processState: '',
  secureBuffer: '',
  notify: '',
  nsmRequest: '',
  scalarsSecp256k1: scalarNames,
  scalarsP256: scalarNames,
  scalarsEd25519: scalarNames,
  bits: 'transpose foldRows foldRowsPortable hasFastFold',
  secp256k1: 'decode baseProduct product publicSum add negate verifyEcdsa verifySchnorr',
  ed25519: 'isElement baseProduct product publicSum add',
  ristretto255: 'areElements fromHashes scalarsFromWide baseProducts products sums differences',
  p256: 'decode recover publicSum add negate',
};

const isFunction = (holder: object, name: string): boolean => typeof Reflect.get(holder, name) === 'function';

const isAddon = (value: unknown): value is Addon =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(expected).every(([name, held]) => {
    if (held === '') {
      return isFunction(value, name);
    }
    const holder: unknown = Reflect.get(value, name);
    return (
      typeof holder === 'object' && holder !== null && held.split(' ').every((one) => isFunction(holder, one))
    );
  });

/** The addon. Throws `native/not-built` where it is not there, does not load, or is one of another version. */
export function addon(): Addon {
  if (loaded === undefined) {
    let module: unknown;
    try {
      module = createRequire(import.meta.url)(join(root(), addonPath));
    } catch (error) {
      if (error instanceof SymbolonError) {
        throw error;
      }
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      throw new SymbolonError('native/not-built', { path: addonPath, reason: code }, { cause: error });
    }
    if (!isAddon(module)) {
      throw new SymbolonError('native/not-built', { path: addonPath, reason: 'an addon of another version' });
    }
    loaded = module;
  }
  return loaded;
}
