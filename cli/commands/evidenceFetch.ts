/**
 * `symbolon evidence fetch`: the evidence that the coordinator's connections to a node rest on. The coordinator is trusted
 * with nothing: the document is appraised here, against the manifest of the cluster folder.
 */
import { resolve } from 'node:path';
import { nodeFiles } from '../../daemon/files/atomic.ts';
import { verifyManifestFile } from '../../daemon/governance/manifestStore.ts';
import { appraise, policyFor, type Appraisal } from '../../enclave/evidence/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { fromHex, toHex } from '../../wire/ids.ts';
import { maxEvidence } from '../../wire/limits.ts';
import { openCluster, type Cluster } from '../cluster/cluster.ts';
import { writePrivate } from '../cluster/files.ts';
import { usage, type Command } from '../command.ts';
import { Answer, CoordinatorClient } from '../coordinatorClient.ts';
import { exitCodes, type ExitCode } from '../exitCodes.ts';
import { wordsOf } from '../evidence/refusal.ts';
import { plain } from '../evidence/view.ts';
import { result, type Io } from '../io.ts';
import { duration, utc } from '../style.ts';

/** Oldest evidence that is shown as accepted, in milliseconds: a coordinator asks a node anew every few minutes. */
const maxAgeMs = 600_000;

/** The command. */
export const evidenceFetch: Command = {
  words: ['evidence', 'fetch'],
  summary: 'get the evidence of a node from the coordinator, and appraise it here against the manifest',
  options: {
    out: { type: 'string', value: 'FILE', help: 'where to write the document as it came' },
  },
  operands: [{ name: 'NODE', help: 'name of the node' }],
  examples: [
    'symbolon evidence fetch node-1',
    'symbolon evidence fetch node-1 --out node-1.bin && symbolon evidence show node-1.bin',
  ],
  run: async (args, io) => {
    const node = args.needed(0);
    const cluster = openCluster(args, io);
    const known = cluster.facts.nodes.map(({ name }) => name);
    if (!known.includes(node)) {
      throw usage(`NODE must be one of: ${known.join(', ')}`);
    }
    const fetched = await fetchEvidence(cluster, node);
    const out = args.text('out');
    if (out !== undefined) {
      writePrivate(resolve(io.cwd, out), fetched.document);
    }
    return say(await judge(cluster, fetched, io.now()), fetched, { json: args.flag('json'), out }, io);
  },
};

/** Evidence as the coordinator gave it; nothing of it is believed. */
export interface Fetched {
  readonly node: string;
  readonly document: Uint8Array;
  /** The nonce that the coordinator says it chose. */
  readonly nonce: Uint8Array;
  /** Unix milliseconds at which it says that it asked. */
  readonly at: number;
}

async function fetchEvidence(cluster: Cluster, node: string): Promise<Fetched> {
  const path = `/v1/evidence/${encodeURIComponent(node)}`;
  const answer = new Answer(await new CoordinatorClient(cluster).call({ method: 'GET', path }));
  const document = new Uint8Array(Buffer.from(answer.text('document'), 'base64'));
  const nonce = fromHex(answer.text('nonce'));
  if (nonce === undefined || document.length === 0 || document.length > maxEvidence) {
    throw new SymbolonError('cli/wrong-answer', { reason: 'evidence without its document or nonce' });
  }
  return { node, document, nonce, at: answer.integer('at') };
}

type Verdict = ReturnType<typeof appraise>;
/** Where the manifest of a cluster lies, and who signs it. */
interface ManifestPlace {
  readonly paths: Pick<Cluster['paths'], 'manifest'>;
  readonly facts: Pick<Cluster['facts'], 'anchor'>;
}

/**
 * Appraises the document against this folder's manifest, as a node does, but over the nonce of the coordinator.
 * @throws SymbolonError `manifest/*` where the folder has no manifest that can be believed.
 */
export async function judge(
  { paths, facts }: ManifestPlace,
  fetched: Fetched,
  now: number,
): Promise<Verdict> {
  const anchor = fromHex(facts.anchor) ?? new Uint8Array();
  const { manifest, hash } = await verifyManifestFile(
    { file: paths.manifest, anchor },
    { files: nodeFiles() },
  );
  const { node, document, nonce, at } = fetched;
  const policy = policyFor(manifest, node);
  const verdict = appraise({ platform: policy.platform, document }, policy, {
    // The certificates lasted when the coordinator asked; how long ago that may be is bounded below.
    now: Math.min(at, now),
    expected: { nonce, role: 'channel', cluster: manifest.cluster, node, manifest: hash },
  });
  if (verdict.ok && verdict.appraisal.madeAt < now - maxAgeMs) {
    const { madeAt } = verdict.appraisal;
    return { ok: false, refusal: new SymbolonError('evidence/too-old', { madeAt, now, limitMs: maxAgeMs }) };
  }
  return verdict;
}

function say(
  verdict: Verdict,
  { node, document }: Fetched,
  { json, out }: { readonly json: boolean; readonly out: string | undefined },
  io: Io,
): ExitCode {
  const { good, bad, dim } = io.style;
  const written = out === undefined ? [] : [`written   ${out}, ${document.length} bytes`];
  if (!verdict.ok) {
    const { refusal } = verdict;
    const { code, message: what, facts, todo } = refusal;
    result(io, json, { ok: false, node, code, what, facts, todo, out: out ?? null }, [
      `${bad('refused')}   ${wordsOf(refusal).what}`,
      `          ${todo} ${dim(`[${code}]`)}`,
      ...written,
    ]);
    return exitCodes.refused;
  }
  const { appraisal } = verdict;
  result(io, json, { ok: true, node, appraisal: plain(appraisal), out: out ?? null }, [
    `${good('accepted')}  ${node}, image ${appraisal.measurement}, platform ${appraisal.platform}`,
    ...appraisalLines(appraisal, io.now()),
    ...written,
  ]);
  return exitCodes.ok;
}

const appraisalLines = (appraisal: Appraisal, now: number): string[] => [
  `machine   ${appraisal.machine}`,
  `boot      ${toHex(appraisal.boot)}`,
  `made at   ${utc(appraisal.madeAt)}, ${duration(Math.max(0, now - appraisal.madeAt))} ago, over a nonce that the coordinator chose`,
  `until     ${utc(appraisal.notAfter)}`,
  `identity  signs with ${toHex(appraisal.identity.sign)}`,
  `          TLS key ${toHex(appraisal.identity.tls)}`,
];
