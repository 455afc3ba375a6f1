/** Test only: the evidence commands through `main`, in this process, and evidence of every kind to give them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { explainEventLog } from '../../enclave/evidence/index.ts';
import { writeTpmPublic } from '../../enclave/tpm/public.ts';
import { bootEvents, bootLog } from '../../test/measuredBoot.ts';
import { madeAt, makeDocument, type Changes } from '../../test/pki/nitro.ts';
import {
  attestationArea,
  attestBytes,
  makeTpm2Document,
  signQuote,
  type Tpm2Changes,
} from '../../test/pki/tpm2.ts';
import { toHex } from '../../wire/ids.ts';
import { claimsBytes, identityBytes } from '../../wire/messages/session.ts';
import { main } from '../main.ts';
import { makeStyle } from '../style.ts';

const folder = mkdtempSync(join(tmpdir(), 'symbolon-evidence-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;
/** Writes a new file; gives its path. */
export const put = (content: Uint8Array | string): string => {
  files += 1;
  const path = join(folder, `file-${files}`);
  writeFileSync(path, content);
  return path;
};

/** Runs a command; `said` is what stands on stdout. */
export async function call(
  ...words: readonly string[]
): Promise<{ code: number; said: string; errors: string }> {
  const lines: string[] = [];
  const errors: string[] = [];
  const code = await main(words, {
    out: (line) => lines.push(line),
    err: (line) => errors.push(line),
    style: makeStyle(false),
    errStyle: makeStyle(false),
    env: {},
    cwd: folder,
    now: () => madeAt + 1_000,
  });
  return { code, said: lines.join('\n'), errors: errors.join('\n') };
}
/** Runs a command with --json. */
export const json = async (
  ...words: readonly string[]
): Promise<{ code: number; body: Record<string, unknown> }> => {
  const { code, said } = await call(...words, '--json');
  return { code, body: JSON.parse(said) as Record<string, unknown> };
};

/** A document of an enclave, its file, and the options that accept it. */
export function nitro(changes: Changes = {}): { file: string; usual: string[] } {
  const { document, fields } = makeDocument(changes);
  const bundle = fields.get('cabundle');
  const [root] = Array.isArray(bundle) ? (bundle as readonly unknown[]) : [];
  assert.ok(root instanceof Uint8Array);
  return { file: put(document), usual: ['--root', put(root), '--at', String(madeAt + 1_000)] };
}

/** An attestation key, TPMT_PUBLIC. */
export const key = writeTpmPublic(attestationArea('ecdsa'));
/** Another one. */
export const otherKey = writeTpmPublic(attestationArea('rsassa'));
/** The log of a boot. */
export const log = bootLog(bootEvents());
/** The registers that it leads to. */
export const pcrs = explainEventLog(log).registers.get('sha256') ?? new Map<number, Uint8Array>();
/** What quotes here hold as extraData. */
export const nonce = new Uint8Array(32).fill(0x5a);
/** A quote of these registers, and its signature. */
export const quote = attestBytes({ pcrs, extraData: nonce });
/** TPMT_SIGNATURE of {@link quote}. */
export const signature = signQuote(quote);
/** Evidence of a node, with its event log. */
export const bundleOf = (changes: Tpm2Changes = {}): Uint8Array =>
  makeTpm2Document({ ...changes, bound: { nonce, ...changes.bound }, attest: { pcrs }, eventLog: log });
/** Registers as JSON has them. */
export const hexes = (bank: ReadonlyMap<number, Uint8Array>): Record<string, string> =>
  Object.fromEntries([...bank].map(([index, value]) => [String(index), toHex(value)]));

/** The options of a quote in files; each part can be put in another way. */
export function quoted(
  change: Partial<Record<'quote' | 'sig' | 'ak' | 'pcrs' | 'eventlog', Uint8Array | string>> = {},
): string[] {
  const parts = { quote, sig: signature, ak: key, pcrs: JSON.stringify(hexes(pcrs)), ...change };
  return [
    '--type',
    'tpm2',
    ...Object.entries(parts).flatMap(([name, content]) => [`--${name}`, put(content)]),
  ];
}

/** Claims of a node. */
export const claims = claimsBytes.encode({
  v: 2,
  role: 'channel',
  cluster: new Uint8Array(16).fill(1),
  node: 'node-1',
  boot: new Uint8Array(16).fill(2),
  manifest: new Uint8Array(32).fill(3),
  since: madeAt,
  mark: 7,
  boots: 1,
  witnessed: new Map([[2, 9]]),
});
/** Its identity. */
export const identity = identityBytes.encode({
  v: 1,
  sign: new Uint8Array(32).fill(4),
  encrypt: new Uint8Array(32).fill(5),
  tls: new Uint8Array(32).fill(6),
});
/** A document of that node. */
export const ofOurNode: Changes = {
  fields: (fields) => {
    fields.set('user_data', claims).set('public_key', identity);
  },
};
