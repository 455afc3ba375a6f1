/**
 * The command line of `evidence verify` as a question to the verifier. What is waived is waived by name, and what can't be
 * checked is said: nothing that was given is passed by in silence (T01).
 */
import { resolve } from 'node:path';
import type { DocumentQuestion } from '../../enclave/evidence/index.ts';
import { nameOf } from '../../enclave/tpm/public.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { platforms, type Platform } from '../../wire/messages/manifest.ts';
import { readNeeded } from '../cluster/files.ts';
import { usage, type Arguments } from '../command.ts';
import type { Io } from '../io.ts';
import { fingerprintOf, readCertificates } from './certificateFile.ts';
import { readEvidenceFile } from './evidenceFile.ts';
import { maxPcrFile } from './pcrFile.ts';
import type { QuoteQuestion } from './quoteVerdict.ts';

/** Types of evidence that can be verified by themselves. */
export const evidenceTypes = platforms;

/** Longest file with a root certificate, a key or a signature in bytes. */
const maxSmallFile = 16_384;
/** Options that belong to a quote in several files. */
const quoteOptions = ['quote', 'sig', 'pcrs', 'eventlog'] as const;

/** A question about one document. */
export interface Asked {
  readonly file: string;
  readonly question: DocumentQuestion;
  /** What nobody asked for, or nothing can show. */
  readonly notChecked: readonly string[];
}

/**
 * The question about a quote in several files, or `undefined` where the command line has none.
 * @throws SymbolonError `cli/usage`, `cli/unreadable-file`.
 */
export function quoteQuestionOf(
  args: Arguments,
  io: Io,
): { readonly question: QuoteQuestion; readonly notChecked: readonly string[] } | undefined {
  const given = quoteOptions.filter((name) => args.text(name) !== undefined);
  if (given.length === 0) {
    return undefined;
  }
  if (typeOf(args) !== 'tpm2') {
    throw usage(`--${given[0] ?? 'quote'} is for --type tpm2`);
  }
  if (args.operand(0) !== undefined) {
    throw usage('give FILE, or a quote as --quote, --sig, --ak and --pcrs, not both');
  }
  const read = (name: string, max: number): Uint8Array =>
    readNeeded(resolve(io.cwd, args.required(name)), max);
  const readEvidence = (name: string): Uint8Array => readEvidenceFile(resolve(io.cwd, args.required(name)));
  const { nonce, pcrs, debug } = wantedOf(args, 'tpm2');
  readUnused(args, io);
  const key = read('ak', maxSmallFile);
  const question: QuoteQuestion = {
    quote: readEvidence('quote'),
    signature: read('sig', maxSmallFile),
    key,
    pcrFile: { bytes: read('pcrs', maxPcrFile), path: resolve(io.cwd, args.required('pcrs')) },
    eventLog: args.text('eventlog') === undefined ? undefined : readEvidence('eventlog'),
    nonce,
    pcrs,
    debug,
  };
  const isPem = Buffer.from(key).toString('latin1').trimStart().startsWith('-----BEGIN');
  return {
    question,
    notChecked: [
      ...waived(question),
      ...beyondTpm(args),
      ...(isPem ? ['that the key is one of a TPM (PEM does not tell)'] : []),
    ],
  };
}

/**
 * The question about one document.
 * @throws SymbolonError `cli/usage`, `cli/unreadable-file`.
 */
export function questionOf(args: Arguments, io: Io): Asked {
  const file = args.operand(0);
  if (file === undefined) {
    throw usage('FILE is needed, or for --type tpm2 a quote as --quote, --sig, --ak and --pcrs');
  }
  const platform = typeOf(args);
  const wanted = wantedOf(args, platform);
  const keyFile = args.text('ak');
  if (platform !== 'tpm2') {
    if (keyFile !== undefined) {
      throw usage('--ak is for --type tpm2');
    }
    const question = {
      platform,
      roots: [rootOf(args, io)],
      now: parseTime(args.required('at'), io.now()),
      machine: 'any',
      ...wanted,
    };
    return { file, question, notChecked: waived(question) };
  }
  readUnused(args, io);
  const at = args.text('at');
  const key = keyFile === undefined ? undefined : keyName(resolve(io.cwd, keyFile));
  const question = {
    platform,
    roots: [],
    now: at === undefined ? io.now() : parseTime(at, io.now()),
    machine: key ?? 'any',
    ...wanted,
  };
  return {
    file,
    question,
    notChecked: [
      ...waived(question),
      ...beyondTpm(args),
      ...(key === undefined ? ['whose attestation key it is'] : []),
    ],
  };
}

const waived = ({ nonce, pcrs, debug }: Pick<DocumentQuestion, 'nonce' | 'pcrs' | 'debug'>): string[] => [
  ...(nonce === 'any' ? ['nonce'] : []),
  ...(pcrs === 'any' ? ['measurement'] : []),
  ...(debug === 'allow' ? ['debug mode'] : []),
];

/** What evidence of a TPM is not held against has to be right all the same: a mistyped word is no silent waiver. */
function readUnused(args: Arguments, io: Io): void {
  if (args.text('root') !== undefined) {
    rootOf(args, io);
  }
  const at = args.text('at');
  if (at !== undefined) {
    parseTime(at, io.now());
  }
}

/** What evidence of a TPM has nothing to be held against: it shows no certificate, and a quote has no time of day. */
const beyondTpm = (args: Arguments): string[] => [
  ...(args.text('root') === undefined ? [] : ['root (a quote shows no certificate)']),
  ...(args.text('at') === undefined ? [] : ['time (a quote shows none that a TPM vouches for)']),
];

function wantedOf(args: Arguments, platform: Platform): Pick<DocumentQuestion, 'nonce' | 'pcrs' | 'debug'> {
  const pcrs = new Map(args.texts('pcr').map((one) => parsePcr(one, platform)));
  if (pcrs.size !== args.texts('pcr').length) {
    throw usage('--pcr names one register twice');
  }
  if (pcrs.size > 0 === args.flag('any-measurement')) {
    throw usage('give the wanted registers with --pcr, or say --any-measurement');
  }
  const nonceHex = args.text('nonce');
  const nonce = nonceHex === undefined ? undefined : fromHex(nonceHex);
  if (nonceHex !== undefined && (nonce === undefined || nonce.length === 0)) {
    throw usage('--nonce must be hexadecimal');
  }
  return {
    nonce: nonce ?? 'any',
    pcrs: pcrs.size === 0 ? 'any' : pcrs,
    debug: args.flag('allow-debug') ? 'allow' : 'refuse',
  };
}

function typeOf(args: Arguments): Platform {
  const value = args.text('type') ?? 'nitro';
  const found = evidenceTypes.find((one) => one === value);
  if (found === undefined) {
    throw usage(`--type must be one of ${evidenceTypes.join(', ')}`);
  }
  return found;
}

/** Registers of AWS are 0 to 31 and have 48 bytes; those of a TPM are 0 to 23 and have 32 (SHA-256 bank) or 48. */
function parsePcr(value: string, platform: Platform): [number, Uint8Array] {
  const sizes = platform === 'tpm2' ? [32, 48] : [48];
  const last = platform === 'tpm2' ? 23 : 31;
  const match = /^(\d{1,2})=([0-9a-fA-F]+)$/.exec(value);
  const raw = fromHex(match?.[2] ?? '');
  const index = Number(match?.[1]);
  if (raw === undefined || !sizes.includes(raw.length) || index > last) {
    const digits = sizes.map((size) => size * 2).join(' or ');
    throw usage(
      `--pcr must be like 0=, followed by ${digits} hexadecimal digits; registers are 0 to ${last}`,
    );
  }
  return [index, raw];
}

/** Unix milliseconds of `now`, of digits, or of RFC 3339 with its zone: a time without one means another hour elsewhere. */
export function parseTime(value: string, now: number): number {
  if (value === 'now') {
    return now;
  }
  if (/^\d{1,15}$/.test(value)) {
    return Number(value);
  }
  // RFC 3339 section 5.6: any number of fraction digits, lower case t and z, or a space; Date.parse takes one form of it.
  const [, day = '', hour = '', fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d(?::\d\d)?)((?:\.\d{1,12})?)([Zz]|[+-]\d\d:\d\d)$/.exec(
      value,
    ) ?? [];
  // Date.parse takes the 31st of February for the 3rd of March.
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const exists = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  const time = exists ? Date.parse(`${day}T${hour}${fraction.slice(0, 4)}${zone.toUpperCase()}`) : NaN;
  if (Number.isNaN(time)) {
    throw usage('--at must be like 2026-11-21T12:00:00Z, Unix milliseconds, or now');
  }
  return time;
}

/** The fingerprint of the one root certificate of `--root`. */
function rootOf(args: Arguments, io: Io): Uint8Array {
  const [root, ...more] = readCertificates(args.required('root'), '--root', io);
  if (root === undefined || more.length > 0) {
    throw usage('--root must hold one certificate');
  }
  return fingerprintOf(root);
}

/** The Name of an attestation key in hexadecimal. PEM has none: a Name covers attributes that PEM leaves out. */
function keyName(file: string): string {
  const bytes = readNeeded(file, maxSmallFile);
  const [high = 0, low = 0] = bytes;
  // A TPM2B_PUBLIC starts with its length, a TPMT_PUBLIC with a type of at most 0x25.
  const inner = high * 256 + low === bytes.length - 2 ? bytes.subarray(2) : bytes;
  try {
    return toHex(nameOf(inner));
  } catch (error) {
    throw isSymbolonError(error) ? usage('--ak is neither a TPMT_PUBLIC nor a TPM2B_PUBLIC') : error;
  }
}
