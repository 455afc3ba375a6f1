/** A coordinator in the test's own process: it can be made to lie, and it can be watched step by step. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSecret } from '../../cli/cluster/files.ts';
import { portsFrom } from '../../cli/cluster/layout.ts';
import { createCoordinator, noLog, openPgliteStore, type Coordinator } from '../../coordinator/index.ts';
import { openManifestFile } from '../../coordinator/manifestFile.ts';
import { fromHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import type { TestCluster } from './testCluster.ts';

/** What a relay is to do differently. */
export interface RelayOptions {
  /** The nodes that it knows; all unless told. */
  readonly nodes?: readonly string[];
  /** What it believes instead of the manifest. The hash that it names stays that of the real one. */
  readonly believes?: (real: Manifest) => Manifest;
  readonly onStep?: (step: string, participants: readonly string[]) => void;
}

/** Waits until a relay has seen all of its nodes ready, by its own looks. */
export async function allReady(relay: Coordinator, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    await relay.nodes.refresh();
    const reasons = relay.nodes.names().flatMap((name) => relay.nodes.whyNotReady(name)?.sentence ?? []);
    if (reasons.length === 0) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`not ready within ${ms} ms: ${reasons.join('; ')}`);
    }
    await sleep(50);
  }
}

/** Runs `use` with a relay for the nodes of a running cluster. */
export async function withRelay<T>(
  { cluster }: TestCluster,
  folder: string,
  options: RelayOptions,
  use: (relay: Coordinator) => Promise<T>,
): Promise<T> {
  const { facts, paths } = cluster;
  const store = await openPgliteStore({ folder: join(folder, `relay-${randomBytes(4).toString('hex')}`) });
  const manifest = await openManifestFile({
    file: paths.manifest,
    anchor: fromHex(facts.anchor) ?? new Uint8Array(),
  });
  const { believes = (real: Manifest) => real, onStep } = options;
  const current = { ...manifest.current, manifest: believes(manifest.current.manifest) };
  const relay = createCoordinator(
    {
      nodes: facts.nodes
        .filter(({ name }) => options.nodes?.includes(name) ?? true)
        .map(({ name, index }) => ({
          name,
          address: `tcp:127.0.0.1:${portsFrom(facts.port).proxy(index)}`,
        })),
      clientSeed: readSecret(paths.clientKey('coordinator'), { exactly: 32 }),
    },
    {
      store,
      manifest: { ...manifest, current },
      now: Date.now,
      random: (length) => new Uint8Array(randomBytes(length)),
      log: noLog,
      ...(onStep === undefined ? {} : { onStep }),
    },
  );
  await relay.start();
  try {
    return await use(relay);
  } finally {
    await relay.stop();
  }
}
