/** What tests of ECDSA keys have in common: a coordinator that may pair and presign, and checks of signatures. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, verifyEcdsa } from '../../threshold/index.ts';
import { ecdsaSchemes, fromHex, isEcdsa } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import { flipped } from '../../daemon/testing/cheat.ts';
import type { NodeModules } from '../../daemon/node.ts';
import type { Runner } from '../../daemon/work/runner.ts';
import type { SignatureBody } from '../api.ts';
import type { Rig } from './cluster.ts';

/** Lets the coordinator of the test cluster make absent pairings, and presignatures of its keys. */
export const pairing = (manifest: Manifest): Manifest => ({
  ...manifest,
  clients: manifest.clients.map((client) =>
    client.name === 'coordinator'
      ? {
          ...client,
          may: [
            ...client.may,
            { action: 'pair' as const, purposes: [], schemes: [], payloads: [] },
            {
              action: 'presign' as const,
              purposes: ['treasury', 'cold'],
              schemes: [...ecdsaSchemes],
              payloads: [],
            },
          ],
        }
      : client,
  ),
});

/** Times for a machine on which all nodes share one process: it is not deadlines that are tried. */
export const patient = { stepMs: 20_000, signMs: 60_000, createMs: 60_000 } as const;

/** A message of an EVM chain, as far as the nodes can tell. */
export const message = Uint8Array.of(2, 0xf8, 1, 2, 3);

/** Waits until something holds; fails with `what` where it does not within `ms`. */
export async function until(what: string, holds: () => boolean, ms = 20_000): Promise<void> {
  for (const end = performance.now() + ms; !holds();) {
    assert.ok(performance.now() < end, `not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

/** Makes an ECDSA key. */
export async function ecdsaKey(
  made: Rig,
  change: Parameters<Rig['cluster']['create']>[0] = {},
): Promise<string> {
  const { key } = await made.coordinator.createKey(
    made.cluster.create({ scheme: 'dkls23-secp256k1', ...change }),
  );
  assert.ok(key?.state === 'active');
  return key.id;
}

/** A signed request for a signature over {@link message}. */
export const signRequest = (made: Rig, key: string, path?: number[]): Uint8Array =>
  made.cluster.sign({
    key,
    payload: { kind: 'ecdsa-keccak256', message },
    ...(path === undefined ? {} : { path }),
  });

/** Checks a signature over {@link message} under the key that the answer names, which must be the key's own. */
export function assertEcdsa(made: Rig, answer: SignatureBody): void {
  const { scheme } = made.coordinator.keys.get(answer.key);
  const bytes = (text: string | undefined): Uint8Array => fromHex(text ?? '') ?? new Uint8Array();
  assert.ok(isEcdsa(scheme));
  const digest = digestOf('keccak256', message);
  assert.ok(verifyEcdsa(scheme, bytes(answer.publicKey), digest, bytes(answer.signature)));
}

/** A node that cheats in ECDSA sessions while it is told to. */
export interface Cheat {
  /** Name of the node that cheats now. */
  node: string;
  /** In how many sessions still. */
  left: number;
  /** `product`: it sends every peer something wrong in round 2. `share`: it signs with another share, and says nothing of it. */
  how: 'product' | 'share';
  /** What a node of the rig works with. */
  readonly modules: (name: string, modules: NodeModules) => NodeModules;
}

/** Makes nodes that can be told to cheat. */
export function cheating(): Cheat {
  const cheat: Cheat = {
    node: '',
    left: 0,
    how: 'product',
    modules: (name, modules) => ({
      ...modules,
      makeRunner: (given) => {
        const runner = modules.makeRunner(given);
        return {
          ...runner,
          begin: (plan) => {
            const multiplies = plan.kind === 'ecdsa-sign' || plan.kind === 'ecdsa-presign';
            if (!multiplies || cheat.node !== name || cheat.left === 0) {
              return runner.begin(plan);
            }
            cheat.left -= 1;
            return cheat.how === 'product' ? wrongProduct(runner.begin(plan)) : wrongShare(runner, plan);
          },
        };
      },
    }),
  };
  return cheat;
}

type Multiplying = Extract<Parameters<Runner['begin']>[0], { kind: 'ecdsa-sign' | 'ecdsa-presign' }>;
type Handle = ReturnType<Runner['begin']>;

const wrongProduct = (handle: Handle): Handle => ({
  ...handle,
  step: async (round, input) => {
    const output = await handle.step(round, input);
    const wrong = [...output.pairwise].map(([to, raw]) => [to, flipped(raw, raw.length >> 1)] as const);
    return round === 2 ? { ...output, pairwise: new Map(wrong) } : output;
  },
});

function wrongShare(runner: Runner, plan: Multiplying): Handle {
  const { share } = plan;
  const handle = runner.begin({ ...plan, share: { ...share, secret: flipped(share.secret, 31) } });
  return {
    ...handle,
    step: async (round, input) => {
      try {
        return await handle.step(round, input);
      } catch {
        // Its own check finds the lie too; it goes on as if nothing were.
        return { broadcast: Uint8Array.of(round), pairwise: new Map() };
      }
    },
  };
}
