/**
 * The payload of a Nitro attestation document: every rule of AWS attestation_process.md section 3.2, corrected by what
 * genuine documents were measured to carry (SPEC.md lists the differences). Form only: nothing here is proof.
 */
import { decodeCbor, type CborKey, type CborValue } from '../../../wire/cbor.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { decodePart, malformed, maxPayload } from './cose.ts';
import { maxPcrIndex, pcrBytes } from '../pcrs.ts';

/** Longest certificate in bytes, in `certificate` and in `cabundle` (section 3.2.2.2). */
const maxCertificate = 1_024;
/** Most certificates in `cabundle`; AWS uses four. */
const maxAuthorities = 8;
/** Longest `public_key`, `user_data` and `nonce` in bytes: the CDDL's limit, which the hypervisor applies. */
export const maxBound = 1_024;

const allowedFields: readonly CborKey[] = [
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
];

/** A Nitro document's payload. Optional fields that were null or absent are `undefined`. */
export interface NitroPayload {
  /** `i-` and 8 or 17 hexadecimal digits, `-enc`, and the enclave's own digits. */
  readonly moduleId: string;
  /** The part of `moduleId` before `-enc`. */
  readonly instanceId: string;
  /** Unix milliseconds, by the hypervisor's clock. */
  readonly timestamp: number;
  /** 48 bytes each, by index 0 to 31. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** DER of the certificate whose key signs the document, at most 1,024 bytes. */
  readonly certificate: Uint8Array;
  /** DER of the authorities: root first, then each one issued by the one before it. */
  readonly cabundle: readonly Uint8Array[];
  /** 1 to 1,024 bytes. */
  readonly publicKey: Uint8Array | undefined;
  /** At most 1,024 bytes. */
  readonly userData: Uint8Array | undefined;
  /** At most 1,024 bytes. */
  readonly nonce: Uint8Array | undefined;
}

const bad = (reason: string): SymbolonError<'evidence/malformed'> => malformed('payload', reason);
const isMap = (value: unknown): value is ReadonlyMap<CborKey, CborValue> => value instanceof Map;

/**
 * Reads a payload of at most 16,384 bytes.
 * @throws SymbolonError `evidence/malformed`, or `evidence/wrong-document-type` (a NitroTPM document).
 */
export function readNitroPayload(payload: Uint8Array): NitroPayload {
  const top = decodePart('payload', () =>
    // Since 2025 the hypervisor writes the outermost map, and only it, with an indefinite length; keys are not sorted.
    decodeCbor(payload, { maxBytes: maxPayload, maxDepth: 2, indefiniteTopMap: true, unsortedKeys: true }),
  );
  if (!isMap(top)) {
    throw bad('not a map');
  }
  // T05: a NitroTPM document has the same root and the same envelope; only this field tells it from an enclave's.
  if (top.has('nitrotpm_pcrs')) {
    throw new SymbolonError('evidence/wrong-document-type', { wanted: 'nitro', got: 'nitro-tpm' });
  }
  for (const key of top.keys()) {
    if (!allowedFields.includes(key)) {
      throw bad('unknown field');
    }
  }
  if (top.get('digest') !== 'SHA384') {
    throw bad('digest is not "SHA384"');
  }
  const { moduleId, instanceId } = readModuleId(top.get('module_id'));
  return {
    moduleId,
    instanceId,
    timestamp: readTimestamp(top.get('timestamp')),
    pcrs: readPcrs(top.get('pcrs')),
    certificate: readBytes('certificate', top.get('certificate'), 1, maxCertificate),
    cabundle: readCabundle(top.get('cabundle')),
    publicKey: readOptional('public_key', top.get('public_key'), 1),
    userData: readOptional('user_data', top.get('user_data'), 0),
    nonce: readOptional('nonce', top.get('nonce'), 0),
  };
}

function readModuleId(value: CborValue | undefined): Pick<NitroPayload, 'moduleId' | 'instanceId'> {
  const match =
    typeof value === 'string' ? /^(i-[0-9a-f]{8}(?:[0-9a-f]{9})?)-enc[0-9a-f]{1,32}$/.exec(value) : null;
  const [moduleId, instanceId] = match ?? [];
  if (moduleId === undefined || instanceId === undefined) {
    throw bad('module_id is not an instance id and an enclave id');
  }
  return { moduleId, instanceId };
}

function readTimestamp(value: CborValue | undefined): number {
  // Above 2^53 the decoder gives a bigint: no such time is meant seriously.
  if (typeof value !== 'number' || value <= 0) {
    throw bad('timestamp is not a positive integer');
  }
  return value;
}

function readPcrs(value: CborValue | undefined): ReadonlyMap<number, Uint8Array> {
  if (!isMap(value) || value.size === 0) {
    throw bad('pcrs is not a map of 1 to 32 entries');
  }
  const pcrs = new Map<number, Uint8Array>();
  for (const [index, register] of value) {
    if (typeof index !== 'number' || index < 0 || index > maxPcrIndex) {
      throw bad('index of a PCR is not an integer 0 to 31');
    }
    // The prose allows 32, 48 and 64 bytes; with digest SHA384 every genuine document has 48.
    if (!(register instanceof Uint8Array) || register.length !== pcrBytes) {
      throw bad(`PCR${index} is not ${pcrBytes} bytes`);
    }
    pcrs.set(index, register);
  }
  return pcrs;
}

function readCabundle(value: CborValue | undefined): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > maxAuthorities) {
    throw bad(`cabundle is not a list of 1 to ${maxAuthorities} certificates`);
  }
  return (value as readonly CborValue[]).map((one, i) => readBytes(`cabundle[${i}]`, one, 1, maxCertificate));
}

function readBytes(field: string, value: CborValue | undefined, min: number, max: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
    throw bad(`${field} is not ${min} to ${max} bytes`);
  }
  return value;
}

/** Unused optional fields are null in genuine documents; the CDDL also allows them to be absent. */
function readOptional(field: string, value: CborValue | undefined, min: number): Uint8Array | undefined {
  return value === undefined || value === null ? undefined : readBytes(field, value, min, maxBound);
}
