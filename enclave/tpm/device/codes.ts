/** Numbers of commands, structures and response codes (TPM 2.0 Part 2 sections 6.5 to 6.9), and what a response code means to us. */
import { SymbolonError } from '../../../wire/errors/index.ts';

/** Commands that this codec speaks (TPM_CC). */
export const commandCode = {
  EvictControl: 0x120,
  NV_UndefineSpace: 0x122,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Increment: 0x134,
  Startup: 0x144,
  ActivateCredential: 0x147,
  NV_Read: 0x14e,
  PolicySecret: 0x151,
  Create: 0x153,
  Load: 0x157,
  Quote: 0x158,
  Unseal: 0x15e,
  ContextLoad: 0x161,
  ContextSave: 0x162,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  PolicyAuthValue: 0x16b,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  PCR_Read: 0x17e,
  PolicyPCR: 0x17f,
  PCR_Extend: 0x182,
  PolicyGetDigest: 0x189,
} as const;
/** A command by its name without `TPM2_`. */
export type CommandName = keyof typeof commandCode;

/** Tags of commands and responses (TPM_ST). */
export const structureTag = { noSessions: 0x8001, sessions: 0x8002 } as const;

/** Format-one codes: an error of a handle, parameter or session (section 6.6.3, RC_FMT1). */
const formatOne: readonly (string | undefined)[] = [
  undefined,
  'ASYMMETRIC',
  'ATTRIBUTES',
  'HASH',
  'VALUE',
  'HIERARCHY',
  undefined,
  'KEY_SIZE',
  'MGF',
  'MODE',
  'TYPE',
  'HANDLE',
  'KDF',
  'RANGE',
  'AUTH_FAIL',
  'NONCE',
  'PP',
  undefined,
  'SCHEME',
  undefined,
  undefined,
  'SIZE',
  'SYMMETRIC',
  'TAG',
  'SELECTOR',
  undefined,
  'INSUFFICIENT',
  'SIGNATURE',
  'KEY',
  'POLICY_FAIL',
  undefined,
  'INTEGRITY',
  'TICKET',
  'RESERVED_BITS',
  'BAD_AUTH',
  'EXPIRED',
  'POLICY_CC',
  'BINDING',
  'CURVE',
  'ECC_POINT',
  'FW_LIMITED',
  'SVN_LIMITED',
];
/** Format-zero codes: errors of the whole command (RC_VER1), and warnings (RC_WARN). */
const formatZero: Readonly<Record<number, string>> = {
  0x100: 'INITIALIZE',
  0x101: 'FAILURE',
  0x103: 'SEQUENCE',
  0x10b: 'PRIVATE',
  0x119: 'HMAC',
  0x120: 'DISABLED',
  0x121: 'EXCLUSIVE',
  0x124: 'AUTH_TYPE',
  0x125: 'AUTH_MISSING',
  0x126: 'POLICY',
  0x127: 'PCR',
  0x128: 'PCR_CHANGED',
  0x12d: 'UPGRADE',
  0x12e: 'TOO_MANY_CONTEXTS',
  0x12f: 'AUTH_UNAVAILABLE',
  0x130: 'REBOOT',
  0x131: 'UNBALANCED',
  0x142: 'COMMAND_SIZE',
  0x143: 'COMMAND_CODE',
  0x144: 'AUTHSIZE',
  0x145: 'AUTH_CONTEXT',
  0x146: 'NV_RANGE',
  0x147: 'NV_SIZE',
  0x148: 'NV_LOCKED',
  0x149: 'NV_AUTHORIZATION',
  0x14a: 'NV_UNINITIALIZED',
  0x14b: 'NV_SPACE',
  0x14c: 'NV_DEFINED',
  0x150: 'BAD_CONTEXT',
  0x151: 'CPHASH',
  0x152: 'PARENT',
  0x153: 'NEEDS_TEST',
  0x154: 'NO_RESULT',
  0x155: 'SENSITIVE',
  0x901: 'CONTEXT_GAP',
  0x902: 'OBJECT_MEMORY',
  0x903: 'SESSION_MEMORY',
  0x904: 'MEMORY',
  0x905: 'SESSION_HANDLES',
  0x906: 'OBJECT_HANDLES',
  0x907: 'LOCALITY',
  0x908: 'YIELDED',
  0x909: 'CANCELED',
  0x90a: 'TESTING',
  0x910: 'REFERENCE_H0',
  0x911: 'REFERENCE_H1',
  0x918: 'REFERENCE_S0',
  0x920: 'NV_RATE',
  0x921: 'LOCKOUT',
  0x922: 'RETRY',
  0x923: 'NV_UNAVAILABLE',
};

/** Bit 7: format one; then bit 6 says parameter, and bits 8 to 11 which. */
const isFormatOne = (rc: number): boolean => (rc & 0x80) !== 0;
const isParameter = (rc: number): boolean => isFormatOne(rc) && (rc & 0x40) !== 0;

/** The name of a response code without `TPM_RC_`, for example `POLICY_FAIL`; `UNKNOWN` for one that we have no name for. */
export function responseName(rc: number): string {
  return (isFormatOne(rc) ? formatOne[rc & 0x3f] : formatZero[rc]) ?? 'UNKNOWN';
}

/** Codes after which the same bytes are to be sent again: the command had no effect (Part 2 section 6.6.3). */
export const isTryAgain = (rc: number): boolean =>
  ['RETRY', 'YIELDED', 'TESTING', 'NV_RATE'].includes(responseName(rc));

/** The catalogue error for a response code other than success. */
export function refusalOf(command: CommandName, rc: number): SymbolonError {
  const name = responseName(rc);
  if (name === 'LOCKOUT') {
    return new SymbolonError('tpm/locked-out', { command });
  }
  if (name === 'AUTH_FAIL' || name === 'BAD_AUTH') {
    return new SymbolonError('tpm/auth-refused', { command, name });
  }
  // PolicyPCR says VALUE where the registers are not what the caller said.
  const policyNames = ['POLICY_FAIL', 'PCR_CHANGED', 'POLICY_CC'];
  if (policyNames.includes(name) || (command === 'PolicyPCR' && name === 'VALUE')) {
    return new SymbolonError('tpm/policy-refused', { command, name });
  }
  // What these two take from outside are the blobs. To an RSA ciphertext of another key some TPMs say FAILURE.
  const blobs = command === 'Load' || command === 'ActivateCredential';
  if ((blobs && isParameter(rc)) || (command === 'ActivateCredential' && name === 'FAILURE')) {
    return new SymbolonError('tpm/blob-refused', { command, name });
  }
  return new SymbolonError('tpm/refused', {
    command,
    rc: `0x${rc.toString(16).padStart(3, '0')}`,
    name: name === 'UNKNOWN' ? name : `TPM_RC_${name}`,
  });
}
