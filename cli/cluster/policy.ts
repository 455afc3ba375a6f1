/** What the manifest of a local cluster accepts: images with their windows, and clients with what each may ask. */
import { insecureDevPcrs } from '../../enclave/attester/index.ts';
import { schemes, toHex } from '../../wire/ids.ts';
import { payloadKinds, type ManifestClient, type ManifestMeasurement } from '../../wire/messages/manifest.ts';

const day = 86_400_000;
/** How long an image is accepted, and how long a replaced one stays so. */
export const imageDays = { current: 90, grace: 7 };
const clientDays = 365;

/** Purposes of the demonstration's keys. */
export const demoPurposes = { solana: 'demo/solana', bitcoin: 'demo/bitcoin' } as const;
/** Purposes that the operator of a local cluster may use. */
export const purposes = [demoPurposes.solana, demoPurposes.bitcoin, 'dev/solana', 'dev/bitcoin', 'dev/test'];

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

/** The two clients of a local cluster. The coordinator may carry and look, never ask for a key or a signature. */
export function clientsOf(
  keys: Readonly<Record<'coordinator' | 'operator', { readonly publicKey: Uint8Array }>>,
  now: number,
): ManifestClient[] {
  const notAfter = now + clientDays * day;
  const plain = { purposes: [], schemes: [], payloads: [] };
  const full = { purposes, schemes: [...schemes] };
  return [
    {
      name: 'coordinator',
      publicKey: keys.coordinator.publicKey,
      may: [
        { action: 'relay', ...plain },
        { action: 'status', ...plain },
      ],
      notAfter,
    },
    {
      name: 'operator',
      publicKey: keys.operator.publicKey,
      may: [
        { action: 'key.create', ...full, payloads: [] },
        { action: 'sign', ...full, payloads: [...payloadKinds] },
        { action: 'status', ...plain },
      ],
      notAfter,
    },
  ];
}
