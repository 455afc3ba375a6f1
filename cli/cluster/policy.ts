/** What the manifest of a local cluster accepts: images with their windows, and clients with what each may ask. */
import { insecureDevPcrs } from '../../enclave/attester/index.ts';
import { ecdsaSchemes, schemes, toHex } from '../../wire/ids.ts';
import { payloadKinds, type ManifestClient, type ManifestMeasurement } from '../../wire/messages/manifest.ts';

const day = 86_400_000;
/** How long an image is accepted, and how long a replaced one stays so. */
export const imageDays = { current: 90, grace: 7 };
const clientDays = 365;

/** Purposes of the demonstration's keys. */
export const demoPurposes = {
  solana: 'demo/solana',
  bitcoin: 'demo/bitcoin',
  evm: 'demo/evm',
  cosmos: 'demo/cosmos',
} as const;
/** Purposes that the operator of a local cluster may use. */
export const purposes = [
  ...Object.values(demoPurposes),
  'dev/solana',
  'dev/bitcoin',
  'dev/evm',
  'dev/cosmos',
  'dev/test',
];

/** The instance makes no difference to the PCRs of the image. */
const noInstance = { roleArn: '-', instanceId: '-' };

/** Entry for the image with this program digest (32 bytes). Its name holds the start of the digest. */
export function measurementOf(program: Uint8Array, reason: string, now: number): ManifestMeasurement {
  return {
    name: imageName(program),
    platform: 'dev',
    pcrs: new Map(insecureDevPcrs(program, noInstance).image),
    reason,
    notBefore: now,
    notAfter: now + imageDays.current * day,
  };
}

/** Name of an image: `build-` and 8 hexadecimal digits of its digest. */
export const imageName = (program: Uint8Array): string => `build-${toHex(program.subarray(0, 4))}`;

const plain = { purposes: [], schemes: [], payloads: [] };
const full = { purposes, schemes: [...schemes], payloads: [] };

/**
 * What the clients of a local cluster may ask. The coordinator may carry and look, and make what needs nobody's decision:
 * absent pairings, and presignatures for later. It can never ask for a key or a signature, nor renew a pairing.
 */
export const grants: Readonly<Record<'coordinator' | 'operator', ManifestClient['may']>> = {
  coordinator: [
    { action: 'relay', ...plain },
    { action: 'status', ...plain },
    { action: 'pair', ...plain },
    { action: 'presign', ...full, schemes: [...ecdsaSchemes] },
  ],
  operator: [
    { action: 'key.create', ...full },
    { action: 'key.refresh', ...full },
    { action: 'key.reshare', ...full },
    { action: 'sign', ...full, payloads: [...payloadKinds] },
    { action: 'pair', ...plain },
    { action: 'pair.renew', ...plain },
    { action: 'status', ...plain },
  ],
};

/** The two clients of a local cluster. */
export const clientsOf = (
  keys: Readonly<Record<'coordinator' | 'operator', { readonly publicKey: Uint8Array }>>,
  now: number,
): ManifestClient[] =>
  (['coordinator', 'operator'] as const).map((name) => ({
    name,
    publicKey: keys[name].publicKey,
    may: grants[name],
    notAfter: now + clientDays * day,
  }));
