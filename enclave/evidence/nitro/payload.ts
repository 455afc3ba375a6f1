/**
 * The payload of an attestation document of AWS, of an enclave or of an instance with a NitroTPM: every rule of
 * attestation_process.md section 3.2, corrected by what genuine documents were measured to carry (SPEC.md lists the
 * differences). Form only: nothing here is proof.
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

/** The kinds of document that AWS signs under one root, in one envelope. One is never taken for the other (T05). */
export type DocumentKind = 'nitro' | 'nitro-tpm';

/** What differs between the kinds. Everything else is one reader, so that neither is read more leniently. */
interface Form {
  /** The field that holds the registers, and that alone tells the kinds apart. */
  readonly registers: 'pcrs' | 'nitrotpm_pcrs';
  /** Highest index of a register. */
  readonly maxIndex: number;
  /** Form of `module_id`; the first group is the instance. */
  readonly moduleId: RegExp;
  /** `moduleId` in words. */
  readonly moduleText: string;
  readonly other: DocumentKind;
}
const forms: Readonly<Record<DocumentKind, Form>> = {
  nitro: {
    registers: 'pcrs',
    maxIndex: maxPcrIndex,
    moduleId: /^(i-[0-9a-f]{8}(?:[0-9a-f]{9})?)-enc[0-9a-f]{1,32}$/,
    moduleText: 'an instance id and an enclave id',
    other: 'nitro-tpm',
  },
  'nitro-tpm': {
    registers: 'nitrotpm_pcrs',
    // The CDDL says 31, but a TPM has 24 registers (TCG PC Client Platform TPM Profile).
    maxIndex: 23,
    moduleId: /^(i-[0-9a-f]{8}(?:[0-9a-f]{9})?)-tpm[0-9a-f]{1,32}$/,
    moduleText: 'an instance id and a TPM id',
    other: 'nitro',
  },
};
const commonFields: readonly CborKey[] = [
  'module_id',
  'digest',
  'timestamp',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
];

/** A document's payload. Optional fields that were null or absent are `undefined`. */
export interface NitroPayload {
  readonly kind: DocumentKind;
  /** `i-` and 8 or 17 hexadecimal digits, `-enc` or `-tpm`, and 1 to 32 further digits. */
  readonly moduleId: string;
  /** The part of `moduleId` before `-enc` or `-tpm`. */
  readonly instanceId: string;
  /** Unix milliseconds, by the hypervisor's clock. */
  readonly timestamp: number;
  /** 48 bytes each, by index: 0 to 31 (enclave), 0 to 23 (NitroTPM). */
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
 * Reads the payload of an enclave's document, at most 16,384 bytes.
 * @throws SymbolonError `evidence/malformed`, or `evidence/wrong-document-type` (a NitroTPM document).
 */
export const readNitroPayload = (payload: Uint8Array): NitroPayload =>
  readPayload(decodeTop(payload), 'nitro');

/**
 * Reads the payload of a NitroTPM document, at most 16,384 bytes.
 * @throws SymbolonError `evidence/malformed`, or `evidence/wrong-document-type` (an enclave's document).
 */
export const readNitroTpmPayload = (payload: Uint8Array): NitroPayload =>
  readPayload(decodeTop(payload), 'nitro-tpm');

/**
 * Reads the payload of either kind, told by its registers. For tools; a verifier says which kind it wants.
 * @throws SymbolonError `evidence/malformed`, or `evidence/wrong-document-type` where the registers of both are there.
 */
export function readAnyPayload(payload: Uint8Array): NitroPayload {
  const top = decodeTop(payload);
  return readPayload(top, top.has(forms['nitro-tpm'].registers) ? 'nitro-tpm' : 'nitro');
}

function decodeTop(payload: Uint8Array): ReadonlyMap<CborKey, CborValue> {
  const top = decodePart('payload', () =>
    // Since 2025 the hypervisor writes the outermost map, and only it, with an indefinite length; keys are not sorted.
    decodeCbor(payload, { maxBytes: maxPayload, maxDepth: 2, indefiniteTopMap: true, unsortedKeys: true }),
  );
  if (!isMap(top)) {
    throw bad('not a map');
  }
  return top;
}

function readPayload(top: ReadonlyMap<CborKey, CborValue>, kind: DocumentKind): NitroPayload {
  const form = forms[kind];
  // T05: root and envelope are the same for both kinds; only the name of this field tells them apart.
  if (top.has(forms[form.other].registers)) {
    throw new SymbolonError('evidence/wrong-document-type', { wanted: kind, got: form.other });
  }
  for (const key of top.keys()) {
    if (key !== form.registers && !commonFields.includes(key)) {
      throw bad('unknown field');
    }
  }
  if (top.get('digest') !== 'SHA384') {
    throw bad('digest is not "SHA384"');
  }
  const { moduleId, instanceId } = readModuleId(top.get('module_id'), form);
  return {
    kind,
    moduleId,
    instanceId,
    timestamp: readTimestamp(top.get('timestamp')),
    pcrs: readPcrs(top.get(form.registers), form),
    certificate: readBytes('certificate', top.get('certificate'), 1, maxCertificate),
    cabundle: readCabundle(top.get('cabundle')),
    publicKey: readOptional('public_key', top.get('public_key'), 1),
    userData: readOptional('user_data', top.get('user_data'), 0),
    nonce: readOptional('nonce', top.get('nonce'), 0),
  };
}

function readModuleId(
  value: CborValue | undefined,
  form: Form,
): Pick<NitroPayload, 'moduleId' | 'instanceId'> {
  const match = typeof value === 'string' ? form.moduleId.exec(value) : null;
  const [moduleId, instanceId] = match ?? [];
  if (moduleId === undefined || instanceId === undefined) {
    throw bad(`module_id is not ${form.moduleText}`);
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

function readPcrs(
  value: CborValue | undefined,
  { registers, maxIndex }: Form,
): ReadonlyMap<number, Uint8Array> {
  if (!isMap(value) || value.size === 0) {
    throw bad(`${registers} is not a map of 1 to ${maxIndex + 1} entries`);
  }
  const pcrs = new Map<number, Uint8Array>();
  for (const [index, register] of value) {
    if (typeof index !== 'number' || index < 0 || index > maxIndex) {
      throw bad(`index of a PCR is not an integer 0 to ${maxIndex}`);
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
