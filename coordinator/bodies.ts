/** What the API shows of keys and of evidence. */
import { toHex } from '../wire/ids.ts';
import type { EvidenceBody, KeyBody } from './api.ts';
import { addressOf } from './chains/address.ts';
import { groupKeyHex, type Key } from './keys.ts';
import type { Verified } from './nodes/nodeClient.ts';

/** A key; `waitingFor` names the nodes that have not activated it yet. */
export const keyBody = (key: Key, waitingFor: readonly string[]): KeyBody => ({
  id: key.id,
  state: key.state,
  scheme: key.scheme,
  purpose: key.purpose,
  label: key.label,
  threshold: key.threshold,
  nodes: key.nodes,
  generation: key.generation,
  createdAt: key.createdAt,
  publicKey: groupKeyHex(key),
  address: addressOf(key.decoded).address,
  waitingFor,
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
      moduleId: appraisal.moduleId,
      madeAt: appraisal.madeAt,
      notAfter: appraisal.notAfter,
      identity: { sign: toHex(identity.sign), encrypt: toHex(identity.encrypt), tls: toHex(identity.tls) },
      pcrs: Object.fromEntries([...pcrs].map(([index, value]) => [String(index), toHex(value)])),
    },
  };
}
