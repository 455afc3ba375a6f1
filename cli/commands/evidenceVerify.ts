/** `symbolon evidence verify`: one attestation document, offline, against expectations that are all given or waived. */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { appraiseDocument, type DocumentQuestion } from '../../enclave/evidence/index.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { maxEvidence } from '../../wire/limits.ts';
import { platforms, type Platform } from '../../wire/messages/manifest.ts';
import { readNeeded } from '../cluster/files.ts';
import { usage, type Arguments, type Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { utc } from '../style.ts';

/** Longest root certificate file in bytes. */
const maxRootFile = 16_384;

/** The command. */
export const evidenceVerify: Command = {
  words: ['evidence', 'verify'],
  summary: 'verify an attestation document, offline: exit 0 accepted, 1 refused, 2 not understood',
  options: {
    root: {
      type: 'string',
      value: 'FILE',
      help: 'the root certificate that the chain must end in (DER or PEM)',
    },
    at: {
      type: 'string',
      value: 'TIME',
      help: 'the time to verify at: ISO 8601 with time zone, Unix milliseconds, or now',
    },
    nonce: {
      type: 'string',
      value: 'HEX',
      help: 'the nonce that the document must hold; without it none is checked',
    },
    pcr: {
      type: 'string',
      value: 'N=HEX',
      help: 'a register and its wanted value; may be repeated',
      multiple: true,
    },
    'any-measurement': {
      type: 'boolean',
      help: 'accept any registers (instead of --pcr): to look, not to trust',
    },
    'allow-debug': { type: 'boolean', help: 'accept a debug enclave, whose PCR0 to PCR2 are zero' },
    type: { type: 'string', value: 'TYPE', help: `${platforms.join(', ')} (default: nitro)` },
  },
  operands: [{ name: 'FILE', help: 'the document' }],
  examples: [
    'symbolon evidence verify doc.bin --root aws-root.der --at 2026-11-21T12:00:00Z --pcr 0=9ad2...',
    'symbolon evidence verify doc.bin --root aws-root.pem --at now --nonce 00ff... --any-measurement --json',
  ],
  run: (args, io) => Promise.resolve(verify(args, io)),
};

function verify(args: Arguments, io: Io): 0 | 1 {
  const question = questionOf(args, io);
  const file = resolve(io.cwd, args.needed(0));
  // The cap is the appraiser's too; here it keeps a large file out of memory.
  const verdict = appraiseDocument(readNeeded(file, maxEvidence), question);
  const json = args.flag('json');
  if (!verdict.ok) {
    const { refusal } = verdict;
    result(
      io,
      json,
      { ok: false, code: refusal.code, what: refusal.message, facts: refusal.facts, todo: refusal.todo },
      [
        `${io.style.bad('refused')}  ${refusal.message}`,
        `         ${refusal.todo} ${io.style.dim(`[${refusal.code}]`)}`,
      ],
    );
    return exitCodes.refused;
  }
  const { statement } = verdict;
  const pcrs = [...statement.pcrs].sort(([a], [b]) => a - b);
  const notChecked = [
    ...(question.nonce === 'any' ? ['nonce'] : []),
    ...(question.pcrs === 'any' ? ['measurement'] : []),
    ...(question.debug === 'allow' ? ['debug mode'] : []),
  ];
  result(
    io,
    json,
    {
      ok: true,
      machine: statement.machine,
      madeAt: statement.madeAt,
      notAfter: statement.notAfter,
      pcrs: Object.fromEntries(pcrs.map(([pcr, value]) => [pcr, toHex(value)])),
      nonce: statement.nonce === undefined ? null : toHex(statement.nonce),
      notChecked,
    },
    [
      `${io.style.good('accepted')}  ${statement.machine}`,
      `made at   ${utc(statement.madeAt)}, valid until ${utc(statement.notAfter)}`,
      ...(notChecked.length === 0 ? [] : [io.style.warn(`not checked: ${notChecked.join(', ')}`)]),
      ...pcrs
        .filter(([, value]) => value.some((byte) => byte !== 0))
        .map(([pcr, value]) => `PCR${pcr}  ${toHex(value)}`),
    ],
  );
  return exitCodes.ok;
}

function questionOf(args: Arguments, io: Io): DocumentQuestion {
  const pcrs = new Map(args.texts('pcr').map(parsePcr));
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
    platform: parseType(args.text('type') ?? 'nitro'),
    roots: [rootHash(resolve(io.cwd, args.required('root')))],
    now: parseTime(args.required('at'), io.now()),
    nonce: nonce ?? 'any',
    pcrs: pcrs.size === 0 ? 'any' : pcrs,
    debug: args.flag('allow-debug') ? 'allow' : 'refuse',
  };
}

function parseType(value: string): Platform {
  const found = platforms.find((one) => one === value);
  if (found === undefined) {
    throw usage(`--type must be one of ${platforms.join(', ')}`);
  }
  return found;
}

function parsePcr(value: string): [number, Uint8Array] {
  const match = /^(\d{1,2})=([0-9a-fA-F]{96})$/.exec(value);
  const raw = fromHex(match?.[2] ?? '');
  const index = Number(match?.[1]);
  if (raw?.length !== 48 || index > 31) {
    throw usage('--pcr must be like 0=, followed by 96 hexadecimal digits; registers are 0 to 31');
  }
  return [index, raw];
}

/** Unix milliseconds of `now`, of digits, or of ISO 8601 with a zone: a time without one means another hour elsewhere. */
export function parseTime(value: string, now: number): number {
  if (value === 'now') {
    return now;
  }
  if (/^\d{1,15}$/.test(value)) {
    return Number(value);
  }
  const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(value)
    ? Date.parse(value)
    : NaN;
  if (Number.isNaN(iso)) {
    throw usage('--at must be like 2026-11-21T12:00:00Z, Unix milliseconds, or now');
  }
  return iso;
}

function rootHash(file: string): Uint8Array {
  const raw = readNeeded(file, maxRootFile);
  const text = Buffer.from(raw).toString('latin1');
  const pem = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(text);
  const der = pem?.[1] === undefined ? raw : Buffer.from(pem[1], 'base64');
  // DER of a certificate is a SEQUENCE with a two-byte length.
  if (der[0] !== 0x30) {
    throw usage('--root is neither a DER nor a PEM certificate');
  }
  return new Uint8Array(createHash('sha256').update(der).digest());
}
