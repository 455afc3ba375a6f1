/** What the API shows of keys, pairings and evidence. */
import { toHex } from '../wire/ids.ts';
import type { EvidenceBody, KeyBody, PairingBody } from './api.ts';
import { addressOf, chainsOf } from './chains/address.ts';
import { groupKeyHex, type Key } from './keyFacts.ts';
import type { Renewing } from './keys.ts';
import type { Verified } from './nodes/nodeClient.ts';
import type { PairState, PairView } from './nodes/pairState.ts';

/** A key, as the nodes have it that went over already; `waitingFor` names those that have not. */
export function keyBody(key: Key, renewing: Renewing | undefined, waitingFor: readonly string[]): KeyBody {
  const { threshold, nodes, generation, public: raw } = key.next ?? key;
  return {
    id: key.id,
    state: key.state,
    scheme: key.scheme,
    purpose: key.purpose,
    label: key.label,
    threshold,
    nodes,
    generation,
    createdAt: key.createdAt,
    publicKey: groupKeyHex(key),
    public: Buffer.from(raw).toString('base64'),
    address: chainsOf[key.scheme].length === 0 ? null : addressOf(key.decoded).address,
    next:
      renewing === undefined
        ? null
        : { generation: renewing.generation, threshold: renewing.threshold, nodes: renewing.nodes },
    waitingFor,
  };
}

const pairNotes: Readonly<Record<PairState, string>> = {
  ready: '',
  absent: 'It is made when both nodes are up.',
  poisoned:
    'A check failed in a session of these two: find out what the other one runs, then `symbolon pair --renew` with their names.',
  broken: 'A record can not be opened, see the log of the node; a new one is made when both nodes are up.',
  differs: 'One of them lost or renewed its end; a new one is made when both nodes are up.',
  unknown: 'One of them can not be asked.',
};

/** A pair of nodes. */
export const pairBody = ({ nodes, state, id, generation, at }: PairView): PairingBody => ({
  nodes,
  state,
  id: id ?? null,
  generation: generation ?? null,
  at: at ?? null,
  note: pairNotes[state],
});

/** Evidence that was accepted under the manifest with this hash. */
export function evidenceBody(
  node: string,
  { appraisal, document, nonce, at }: Verified,
  manifest: Uint8Array,
): EvidenceBody {
  const { identity, pcrs } = appraisal;
  return {
    node,
    platform: appraisal.platform,
    nonce: toHex(nonce),
    at,
    document: Buffer.from(document).toString('base64'),
    manifest: toHex(manifest),
    appraisal: {
      boot: toHex(appraisal.boot),
      measurement: appraisal.measurement,
      machine: appraisal.machine,
      madeAt: appraisal.madeAt,
      notAfter: appraisal.notAfter,
      identity: { sign: toHex(identity.sign), encrypt: toHex(identity.encrypt), tls: toHex(identity.tls) },
      pcrs: Object.fromEntries([...pcrs].map(([index, value]) => [String(index), toHex(value)])),
    },
  };
}
