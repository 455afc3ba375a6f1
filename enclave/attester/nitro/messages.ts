/**
 * Requests to the Nitro Security Module and its responses (aws-nitro-enclaves-nsm-api, src/api/mod.rs): CBOR of serde's
 * externally tagged enums. A variant without fields is its name as text, any other a map from its name to its fields.
 * Integers, maps and strings have definite lengths; the fields are not sorted.
 */
import { decodeCbor, encodeCbor, type CborInput, type CborValue } from '../../../wire/cbor.ts';
import { isSymbolonError, SymbolonError } from '../../../wire/errors/index.ts';
import {
  bool,
  bytes,
  list,
  oneOf,
  record,
  text,
  uint,
  type Shape,
  type TypeOf,
} from '../../../wire/shape.ts';
import { pcrBytes } from '../../evidence/pcrs.ts';

/** Longest request in bytes (`NSM_REQUEST_MAX_SIZE` of the driver). */
export const maxNsmRequest = 0x1000;
/** Longest response in bytes (`NSM_RESPONSE_MAX_SIZE` of the driver). */
export const maxNsmResponse = 0x3000;
/** Nesting of the deepest response: the list in the fields in the variant. */
const maxDepth = 3;

/** Names of `ErrorCode`; `Success` is none that a device would send. */
const errorCode = oneOf(
  'InvalidArgument',
  'InvalidIndex',
  'InvalidResponse',
  'ReadOnlyIndex',
  'InvalidOperation',
  'BufferTooSmall',
  'InputTooLarge',
  'InternalError',
);
const index = uint(0xffff);
const register = bytes(pcrBytes);

/** What the module says of itself. */
const description = record({
  version_major: uint(0xffff),
  version_minor: uint(0xffff),
  version_patch: uint(0xffff),
  /** Instance and enclave, as in its documents. */
  module_id: text(128),
  /** Number of registers. */
  max_pcrs: index,
  locked_pcrs: list(index, 64),
  /** The only digest that documents are accepted with. */
  digest: oneOf('SHA384'),
});
/** What the module says of itself. */
export type NsmDescription = TypeOf<typeof description>;

/** A request and what its response must look like. */
export interface NsmCall<T> {
  readonly name: string;
  /** The encoded request. */
  readonly request: Uint8Array;
  /** The fields of the response. */
  readonly response: Shape<T>;
  /** Whether the response is a name without fields. */
  readonly isPlain: boolean;
}

const call = <T>(name: string, fields: CborInput | undefined, response: Shape<T>): NsmCall<T> => ({
  name,
  request: encodeCbor(fields === undefined ? name : { [name]: fields }),
  response,
  isPlain: false,
});
const plainCall = (name: string, fields: CborInput): NsmCall<undefined> => ({
  ...call(name, fields, { check: () => undefined }),
  isPlain: true,
});

/** Registers, locks and version of the module. */
export const describeNsm = call('DescribeNSM', undefined, description);
/** 256 random bytes of the hypervisor. */
export const getRandom = call('GetRandom', undefined, record({ random: bytes(1, 1_024) }));
/** Value (48 bytes) and lock of one register. */
export const describePcr = (at: number): NsmCall<{ readonly data: Uint8Array; readonly lock: boolean }> =>
  call('DescribePCR', { index: at }, record({ lock: bool, data: register }));
/** The register becomes SHA384(register || data); the response is its new value. */
export const extendPcr = (at: number, data: Uint8Array): NsmCall<{ readonly data: Uint8Array }> =>
  call('ExtendPCR', { index: at, data }, record({ data: register }));
/** The register can't be extended until the enclave ends, and is shown in documents from now on. */
export const lockPcr = (at: number): NsmCall<undefined> => plainCall('LockPCR', { index: at });
/** The registers below `range`, each as by {@link lockPcr}. */
export const lockPcrs = (range: number): NsmCall<undefined> => plainCall('LockPCRs', { range });
/** A document over what is bound; each at most 1,024 bytes. */
export const attestation = (bound: {
  readonly nonce: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly userData: Uint8Array;
}): NsmCall<{ readonly document: Uint8Array }> =>
  call(
    'Attestation',
    { user_data: bound.userData, nonce: bound.nonce, public_key: bound.publicKey },
    record({ document: bytes(1, maxNsmResponse) }),
  );

/**
 * Reads a response.
 * @param device - for errors.
 * @throws SymbolonError `attester/device-refused` where it is an error by name, `attester/device-failed` where it is no
 * response to this request.
 */
export function readResponse<T>(device: string, asked: NsmCall<T>, raw: Uint8Array): T {
  const failed = (reason: string, cause?: unknown): SymbolonError =>
    new SymbolonError('attester/device-failed', { device, request: asked.name, reason }, { cause });
  try {
    const value = decodeCbor(raw, { maxBytes: maxNsmResponse, maxDepth, unsortedKeys: true });
    const { variant, fields } = variantOf(value);
    if (variant === 'Error' && fields !== undefined) {
      const answer = errorCode.check(fields, 'Error');
      throw new SymbolonError('attester/device-refused', { device, request: asked.name, answer });
    }
    if (variant !== asked.name || (fields === undefined) !== asked.isPlain) {
      throw failed('a response to something else');
    }
    return asked.response.check(fields ?? null, asked.name);
  } catch (cause) {
    if (isSymbolonError(cause) && cause.code.startsWith('wire/')) {
      throw failed(cause.message, cause);
    }
    throw cause;
  }
}

function variantOf(value: CborValue): { readonly variant: unknown; readonly fields: CborValue | undefined } {
  if (value instanceof Map && value.size === 1) {
    const [[variant, fields] = [undefined, undefined]] = value as ReadonlyMap<string | number, CborValue>;
    return { variant, fields };
  }
  return { variant: value, fields: undefined };
}
