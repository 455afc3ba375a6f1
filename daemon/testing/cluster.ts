/**
 * Three signer nodes in one process for tests: real manifest, key store, replay guard, evidence of the dev attester and
 * envelopes. Only the token is played by node:crypto. The clock can be moved.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  enrolInsecureDevInstance,
  insecureDevAttester,
  insecureDevPcrs,
  makeInsecureDevRoot,
} from '../../enclave/attester/index.ts';
import type { HsmLink } from '../../hsm/index.ts';
import { secureBuffer } from '../../native/binding.ts';
import { SymbolonError } from '../../wire/errors/index.ts';
import { payloadKinds, type Manifest } from '../../wire/messages/manifest.ts';
import { ecdsaSchemes, schemes } from '../../wire/ids.ts';
import type {
  KeyCreateRequest,
  PairRequest,
  PresignRequest,
  RenewRequest,
  Request,
  SignRequest,
} from '../../wire/messages/request.ts';
import { handlersOf, type Handler } from '../calls.ts';
import { nodeFiles, type Files } from '../files/atomic.ts';
import { anchorOf, signRequest } from '../../manifest/index.ts';
import type { Log, LogFacts, LogLevel } from '../log.ts';
import { SignerNode, type NodeConfig, type NodeModules } from '../node.ts';
import type { RouteName } from '../phase.ts';
import { inlineRunner } from '../work/inline.ts';
import { testFolder } from './folder.ts';
import { sampleManifest, sampleSeeds, signSample } from './sampleManifest.ts';

/** Fresh random bytes. */
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** What the program of the cluster's nodes measures as. */
export const program = new Uint8Array(32).fill(0x11);

/** A token made of one AES key: what its process would do, in this one. */
export function testHsm(label: string, key: Uint8Array = random(32)): HsmLink {
  const token = { label, serial: '1', keyId: '01', algorithm: 'hmac-sha256' } as const;
  return {
    token,
    newKeyMaterial: () => {
      const ikm = random(32);
      const iv = random(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const body = Buffer.concat([cipher.update(ikm), cipher.final()]);
      return Promise.resolve({
        wrapped: new Uint8Array(Buffer.concat([iv, body, cipher.getAuthTag()])),
        ikm,
      });
    },
    recoverKeyMaterial: (wrapped) => {
      const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12));
      decipher.setAuthTag(wrapped.subarray(-16));
      return Promise.resolve(
        new Uint8Array(Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()])),
      );
    },
    health: () => Promise.resolve({ token, node: label, startedAt: 0, operations: 0 }),
    close: () => Promise.resolve(),
  };
}

/** A line of a node's log. */
export interface LogLine extends LogFacts {
  readonly level: LogLevel;
  readonly event: string;
}

/** A clock of the test: real time and an offset. */
export interface TestClock {
  readonly now: () => number;
  /** Moves it on. */
  readonly advance: (ms: number) => void;
}

/** A node of the cluster. */
export interface TestNode {
  readonly name: string;
  readonly node: SignerNode;
  readonly config: NodeConfig;
  readonly modules: NodeModules;
  readonly handlers: Readonly<Record<RouteName, Handler>>;
  readonly lines: readonly LogLine[];
}

/** What a cluster can be told. */
export interface ClusterOptions {
  /** Changes the manifest before it is signed. */
  readonly manifest?: (manifest: Manifest) => Manifest;
  /** What a node runs, where it is not {@link program}. */
  readonly programOf?: (name: string) => Uint8Array;
  /** Changes what a node works with. */
  readonly modules?: (name: string, modules: NodeModules) => NodeModules;
  readonly files?: Files;
  /** `false` does not wait until the nodes are ready. */
  readonly wait?: boolean;
}

/** A running cluster. */
export interface TestCluster {
  readonly folder: string;
  readonly clock: TestClock;
  readonly names: readonly string[];
  readonly manifest: Manifest;
  /** Signed-manifest bytes. */
  readonly signed: Uint8Array;
  readonly node: (name: string) => TestNode;
  /** Stops a node and boots it again from its files; `between` may change them. */
  readonly restart: (name: string, between?: () => Promise<void>) => Promise<TestNode>;
  /** Copies the files of a node, running or not, and gives a boot of the copy. The name still means the first one. */
  readonly clone: (name: string) => Promise<{ readonly boot: () => Promise<TestNode> }>;
  /** Makes a name mean this instance. */
  readonly use: (instance: TestNode) => void;
  /** A request of the operator, signed. */
  readonly create: (change?: Partial<KeyCreateRequest>) => Uint8Array;
  readonly sign: (change: Partial<SignRequest>) => Uint8Array;
  readonly ask: (content: Content<PairRequest | PresignRequest | RenewRequest>) => Uint8Array;
}

type Head = Pick<SignRequest, 'v' | 'cluster' | 'id' | 'client' | 'issuedAt' | 'expiresAt'>;
/** What a request says beside its head. */
type Content<R extends Request> = R extends Request ? Omit<R, keyof Head> & Partial<Head> : never;

/** Boots a cluster that ends with the test. */
export async function testCluster(
  t: Pick<TestContext, 'after'>,
  options: ClusterOptions = {},
): Promise<TestCluster> {
  // The folder goes last: a node that was still writing when the test ended has stopped by then.
  const cleanups: (() => Promise<void>)[] = [];
  const folder = await testFolder({ after: (cleanup) => cleanups.push(cleanup) });
  let offset = 0;
  let clones = 0;
  const clock: TestClock = {
    now: () => Date.now() + offset,
    advance: (ms) => {
      offset += ms;
    },
  };
  const start = clock.now();
  const root = await makeInsecureDevRoot({ folder: join(folder, 'ca'), now: start - 60_000 });
  const names = ['node-1', 'node-2', 'node-3'];
  const nodes: Manifest['nodes'] = await Promise.all(
    names.map(async (name, i) => {
      const instance = await enrolInsecureDevInstance({
        authority: join(folder, 'ca'),
        folder: join(folder, name, 'attester'),
        roleArn: `arn:aws:iam::000000000000:role/${name}`,
        now: start - 60_000,
      });
      return {
        name,
        index: i + 1,
        platform: 'dev' as const,
        pcrs: new Map(insecureDevPcrs(program, instance).node),
      };
    }),
  );
  const manifest = (options.manifest ?? ((one) => one))(clusterManifest(start, nodes, root.sha256));
  const signed = signSample(manifest);
  const hsms = new Map(names.map((name) => [name, testHsm(name)]));
  const running = new Map<string, TestNode>();
  const booted: SignerNode[] = [];

  const boot = async (name: string, place = name): Promise<TestNode> => {
    const lines: LogLine[] = [];
    const log: Log = (level, event, facts = {}) => {
      lines.push({ level, event, ...facts });
    };
    const usual: NodeModules = {
      files: options.files ?? nodeFiles(),
      random,
      secretMemory: secureBuffer,
      now: clock.now,
      log,
      // Worker threads have tests of their own.
      makeRunner: () => inlineRunner(random),
      checkBackends: () => undefined,
      connectHsm: () => {
        const hsm = hsms.get(name);
        return hsm === undefined
          ? Promise.reject(new SymbolonError('hsm/unavailable', { reason: 'no token' }))
          : Promise.resolve(hsm);
      },
      attesters: {
        dev: ({ node }) =>
          insecureDevAttester({
            folder: join(folder, node, 'attester'),
            program: (options.programOf ?? (() => program))(name),
            now: clock.now,
          }),
      },
    };
    const modules = options.modules?.(name, usual) ?? usual;
    const config: NodeConfig = {
      node: name,
      cluster: manifest.cluster,
      attester: { platform: 'dev', folder: join(folder, name, 'attester') },
      hsm: { socket: 'unused' },
      store: { folder: join(folder, place, 'store') },
      manifest: { file: join(folder, place, 'manifest.cbor'), anchor: anchorOf(manifest) },
    };
    const node = await SignerNode.boot(config, modules);
    const made = { name, node, config, modules, handlers: handlersOf(node), lines };
    booted.push(node);
    return made;
  };
  const find = (name: string): TestNode => {
    const found = running.get(name);
    if (found === undefined) {
      throw new Error(`no node ${name}`);
    }
    return found;
  };
  t.after(async () => {
    for (const node of booted) {
      await node.stop();
    }
    for (const cleanup of cleanups) {
      await cleanup();
    }
  });
  for (const name of names) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, name, 'manifest.cbor'), signed, { mode: 0o600 });
    const made = await boot(name);
    running.set(name, made);
    await (options.wait === false ? undefined : made.node.settled());
  }
  const head = (): Head => ({
    v: 1,
    cluster: manifest.cluster,
    id: random(16),
    client: 'operator',
    issuedAt: clock.now(),
    expiresAt: clock.now() + 600_000,
  });
  return {
    folder,
    clock,
    names,
    manifest,
    signed,
    node: find,
    restart: async (name, between) => {
      await find(name).node.stop();
      await between?.();
      const again = await boot(name);
      running.set(name, again);
      await again.node.settled();
      return again;
    },
    clone: async (name) => {
      clones += 1;
      const place = `${name}-copy-${clones}`;
      const { store, manifest: file } = find(name).config;
      await cp(store.folder, join(folder, place, 'store'), { recursive: true });
      await cp(file.file, join(folder, place, 'manifest.cbor'));
      return {
        boot: async () => {
          const twin = await boot(name, place);
          await twin.node.settled();
          return twin;
        },
      };
    },
    use: (instance) => {
      running.set(instance.name, instance);
    },
    create: (change = {}) =>
      signRequest(
        {
          ...head(),
          action: 'key.create',
          scheme: 'frost-ed25519',
          threshold: 2,
          nodes: names,
          purpose: 'treasury',
          label: 'main',
          ...change,
        },
        sampleSeeds.operator,
      ),
    sign: (change) =>
      signRequest(
        {
          ...head(),
          action: 'sign',
          key: '0'.repeat(32),
          purpose: 'treasury',
          payload: { kind: 'message', message: Uint8Array.of(1, 2, 3) },
          ...change,
        },
        sampleSeeds.operator,
      ),
    ask: (content) => signRequest({ ...head(), ...content }, sampleSeeds.operator),
  };
}

function clusterManifest(start: number, nodes: Manifest['nodes'], root: Uint8Array): Manifest {
  const day = 86_400_000;
  const sample = sampleManifest();
  const grants = {
    purposes: ['treasury', 'cold'],
    schemes,
  };
  const of = (action: 'key.create' | 'key.refresh' | 'key.reshare') => ({
    action,
    ...grants,
    schemes: [...grants.schemes],
    payloads: [],
  });
  const none = { purposes: [], schemes: [], payloads: [] };
  const clients = sample.clients.map((client) => ({ ...client, notAfter: start + 10 * day }));
  return {
    ...sample,
    issuedAt: start - day,
    nodes,
    roots: [{ platform: 'dev', sha256: root }],
    measurements: [
      {
        name: 'image-1',
        platform: 'dev',
        pcrs: new Map(insecureDevPcrs(program, { roleArn: 'any', instanceId: 'any' }).image),
        reason: 'first image',
        notBefore: start - day,
        notAfter: start + 30 * day,
      },
    ],
    clients: clients.map((client) =>
      client.name === 'operator'
        ? {
            ...client,
            may: [
              of('key.create'),
              of('key.refresh'),
              of('key.reshare'),
              { action: 'pair', ...none },
              { action: 'pair.renew', ...none },
              { action: 'presign', ...grants, schemes: [...ecdsaSchemes], payloads: [] },
              {
                action: 'sign',
                ...grants,
                schemes: [...grants.schemes],
                payloads: [...payloadKinds],
              },
              { action: 'status', ...none },
            ],
          }
        : {
            ...client,
            may: [
              { action: 'relay', ...none },
              { action: 'status', ...none },
            ],
          },
    ),
  };
}
