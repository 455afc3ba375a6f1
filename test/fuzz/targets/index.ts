/** The registry of targets, and which files of malformed inputs they stand beside. */
import type { Target } from '../engine/target.ts';
import { enclaveTargets } from './evidence.ts';
import { nodeTargets } from './node.ts';
import { operatorTargets } from './operator.ts';
import { thresholdTargets } from './threshold.ts';
import { tpmTargets } from './tpm.ts';
import { wireTargets } from './wire.ts';

/** All targets. */
export const targets: readonly Target[] = [
  ...wireTargets,
  ...enclaveTargets,
  ...tpmTargets,
  ...thresholdTargets,
  ...nodeTargets,
  ...operatorTargets,
];

/** For each `*.malformed.test.ts`: the targets that fuzz the same parsers. A new file needs a line here. */
export const besideTests: Readonly<Record<string, readonly string[]>> = {
  'coordinator/config.malformed.test.ts': ['coordinator-config'],
  'coordinator/json.malformed.test.ts': ['coordinator-json'],
  'daemon/guard/journal.malformed.test.ts': ['journal', 'journal-bodies'],
  'daemon/keystore/records.malformed.test.ts': [
    'key-record-open',
    'key-departure-open',
    'key-activation-check',
  ],
  'daemon/pairings/records.malformed.test.ts': ['message-pairing-record', 'pairing-file-name'],
  'enclave/address/address.malformed.test.ts': ['address'],
  'enclave/evidence/evidence.malformed.test.ts': ['cose', 'nitro-payload', 'nitro-verify'],
  'enclave/evidence/tpm2/document.malformed.test.ts': ['tpm2-verify', 'tpm-event-log'],
  'enclave/parent/config.malformed.test.ts': ['parent-config'],
  'enclave/tpm/structures.malformed.test.ts': [
    'tpm-public',
    'tpm-attest',
    'tpm-signature',
    'tpm-pcr-selection',
  ],
  'enclave/x509/parse.malformed.test.ts': ['der', 'certificate'],
  'hsm/files.malformed.test.ts': ['hsm-profile'],
  'hsm/frames.malformed.test.ts': ['hsm-frames', 'message-hsm-request', 'message-hsm-reply'],
  'manifest/manifest.malformed.test.ts': ['manifest-verify', 'manifest-rules', 'request-verify'],
  'threshold/dkls/messages.malformed.test.ts': ['message-ecdsa-opening'],
  'threshold/import/json.malformed.test.ts': ['share-file-json'],
  'threshold/messages.malformed.test.ts': ['message-dkg-opening', 'message-frost-commitment', 'key-public'],
  'threshold/pairing/messages.malformed.test.ts': ['message-pairing-answer'],
  'threshold/renew/messages.malformed.test.ts': ['message-renew-opening'],
  'wire/strictJson.malformed.test.ts': ['strict-json', 'json-value'],
};
