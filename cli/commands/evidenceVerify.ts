/** `symbolon evidence verify`: one piece of evidence, offline, against expectations that are all given or waived. */
import { resolve } from 'node:path';
import { appraiseDocument, type EvidenceRefusal, type Statement } from '../../enclave/evidence/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Arguments, Command } from '../command.ts';
import { readEvidenceFile } from '../evidence/evidenceFile.ts';
import { judgeQuote, type QuoteVerdict } from '../evidence/quoteVerdict.ts';
import { evidenceTypes, questionOf, quoteQuestionOf, type Asked } from '../evidence/question.ts';
import { offlineWords } from '../evidence/refusal.ts';
import { plain, printable } from '../evidence/view.ts';
import { exitCodes, type ExitCode } from '../exitCodes.ts';
import { result, type Io } from '../io.ts';
import { utc } from '../style.ts';

/** The command. */
export const evidenceVerify: Command = {
  words: ['evidence', 'verify'],
  summary:
    'verify a piece of evidence, offline: exit 0 accepted; 1 refused, also a file that is no evidence; 2 not understood',
  options: {
    type: { type: 'string', value: 'TYPE', help: `${evidenceTypes.join(', ')} (default: nitro)` },
    root: {
      type: 'string',
      value: 'FILE',
      help: 'the root certificate that the chain must end in (DER or PEM); tpm2 shows no chain',
    },
    at: {
      type: 'string',
      value: 'TIME',
      help: 'the time to verify at: RFC 3339 with its zone, Unix milliseconds, or now',
    },
    nonce: {
      type: 'string',
      value: 'HEX',
      help: 'the nonce (of a quote: the qualifying data) that it must hold; without it none is checked',
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
    'allow-debug': {
      type: 'boolean',
      help: 'accept a debug enclave, whose PCR0 to PCR2 are zero, or a TPM without measured boot',
    },
    ak: {
      type: 'string',
      value: 'FILE',
      help: 'tpm2: the attestation key, as TPMT_PUBLIC, TPM2B_PUBLIC or (for --quote) PEM',
    },
    quote: { type: 'string', value: 'FILE', help: 'tpm2, instead of FILE: the quote (TPMS_ATTEST)' },
    sig: {
      type: 'string',
      value: 'FILE',
      help: 'tpm2: its signature, as TPMT_SIGNATURE or plain (RSA, or DER of ECDSA)',
    },
    pcrs: {
      type: 'string',
      value: 'FILE',
      help: 'tpm2: the registers that it covers, as JSON or as tpm2-tools write them',
    },
    eventlog: {
      type: 'string',
      value: 'FILE',
      help: 'tpm2: the event log, which must replay to the registers',
    },
  },
  operands: [{ name: 'FILE', help: 'the document, as the platform or a node showed it', optional: true }],
  examples: [
    'symbolon evidence verify doc.bin --root aws-root.der --at 2026-11-21T12:00:00Z --pcr 0=9ad2...',
    'symbolon evidence verify doc.bin --root aws-root.pem --at now --nonce 00ff... --any-measurement --json',
    'symbolon evidence verify --type tpm2 --quote q.msg --sig q.sig --ak ak.pem --pcrs q.pcrs --pcr 4=7f3a...',
  ],
  run: (args, io) => Promise.resolve(verify(args, io)),
};

function verify(args: Arguments, io: Io): ExitCode {
  const json = args.flag('json');
  try {
    const quoted = quoteQuestionOf(args, io);
    if (quoted !== undefined) {
      return accepted(quoteAnswer(judgeQuote(quoted.question)), quoted, json, io);
    }
    const asked = questionOf(args, io);
    const document = readEvidenceFile(resolve(io.cwd, asked.file));
    return accepted(statementAnswer(appraised(document, asked)), asked, json, io);
  } catch (error) {
    if (isRefusal(error)) {
      return refused(error, json, io);
    }
    throw error;
  }
}

const isRefusal = (error: unknown): error is EvidenceRefusal =>
  isSymbolonError(error) && error.code.startsWith('evidence/');

function appraised(document: Uint8Array, { question }: Asked): Statement {
  const verdict = appraiseDocument(document, question);
  if (!verdict.ok) {
    throw verdict.refusal;
  }
  return verdict.statement;
}

/** What is told of accepted evidence. */
interface Accepted {
  readonly machine: string | undefined;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** What else the JSON has. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Lines for people between the first one and the registers. */
  readonly lines: readonly string[];
}

function statementAnswer({ machine, madeAt, notAfter, pcrs, nonce, events, tpm }: Statement): Accepted {
  const lasts = notAfter === Number.MAX_SAFE_INTEGER ? '' : `, valid until ${utc(notAfter)}`;
  return {
    machine,
    pcrs,
    facts: {
      madeAt,
      notAfter: lasts === '' ? null : notAfter,
      nonce,
      ...(tpm && { tpm }),
      ...(events && { events }),
    },
    lines: [`made at   ${utc(madeAt)}${lasts}`],
  };
}

function quoteAnswer({ report, pcrs }: QuoteVerdict): Accepted {
  const { machine, bank, scheme, hash, extraData, tpm, firmwareVersion, events } = report;
  return {
    machine,
    pcrs,
    facts: { bank, scheme, hash, nonce: extraData, tpm, firmwareVersion, ...(events && { events }) },
    lines: [
      `quoted    bank ${bank}, ${scheme} with ${hash}; resets ${tpm.resetCount}, restarts ${tpm.restartCount}`,
      `nonce     ${extraData.length === 0 ? 'empty' : toHex(extraData)}`,
      ...(events ?? []).map(
        ({ pcr, name, digest }) => `event     PCR${pcr} ${printable(name)} ${toHex(digest)}`,
      ),
    ],
  };
}

/** What was asked, as far as the answer tells what was not. */
interface Expected {
  readonly question: { readonly pcrs: ReadonlyMap<number, Uint8Array> | 'any' };
  readonly notChecked: readonly string[];
}

/** Registers that are shown, and that nobody gave a value for. */
function notGiven(shown: readonly number[], wanted: Expected['question']['pcrs']): string[] {
  const left = wanted === 'any' ? [] : shown.filter((pcr) => !wanted.has(pcr));
  return left.length === 0 ? [] : [`registers not given (${runsOf(left)})`];
}

/** Numbers that rise, as `0, 2 to 5`. */
function runsOf(numbers: readonly number[]): string {
  const has = (one: number): boolean => numbers.includes(one);
  const starts = numbers.filter((one) => !has(one - 1));
  const ends = numbers.filter((one) => !has(one + 1));
  return starts
    .map((start, i) => (start === ends[i] ? String(start) : `${start} to ${ends[i] ?? ''}`))
    .join(', ');
}

function accepted(answer: Accepted, expected: Expected, json: boolean, io: Io): ExitCode {
  const { machine, facts, lines } = answer;
  const pcrs = [...answer.pcrs].sort(([a], [b]) => a - b);
  const registers = Object.fromEntries(pcrs.map(([pcr, value]) => [String(pcr), toHex(value)]));
  const shown = pcrs.map(([pcr]) => pcr);
  const notChecked = [...expected.notChecked, ...notGiven(shown, expected.question.pcrs)];
  const head = { ok: true, machine: machine ?? null };
  const body = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, plain(value)]));
  result(io, json, { ...head, ...body, pcrs: registers, notChecked }, [
    `${io.style.good('accepted')}  ${machine ?? 'the quote is of this key; nothing shows that a TPM holds it'}`,
    ...lines,
    ...(notChecked.length === 0 ? [] : [io.style.warn(`not checked: ${notChecked.join(', ')}`)]),
    ...pcrs
      .filter(([, value]) => value.some((byte) => byte !== 0))
      .map(([pcr, value]) => `PCR${pcr}  ${toHex(value)}`),
  ]);
  return exitCodes.ok;
}

function refused(refusal: EvidenceRefusal, json: boolean, io: Io): ExitCode {
  const { code, message: what, facts, todo } = refusal;
  const words = offlineWords(refusal);
  result(io, json, { ok: false, code, what, facts, todo }, [
    `${io.style.bad('refused')}  ${words.what}`,
    `         ${words.todo} ${io.style.dim(`[${code}]`)}`,
  ]);
  return exitCodes.refused;
}
