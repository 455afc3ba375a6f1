/** The manifest in force, at the coordinator and at the nodes: new ones are handed on, and everybody is verified anew. */
import { policyFor } from '../enclave/evidence/index.ts';
import { isSymbolonError } from '../wire/errors/index.ts';
import { toHex } from '../wire/ids.ts';
import type { VerifiedManifest } from '../manifest/index.ts';
import type { ManifestPutBody } from './api.ts';
import type { Log } from './log.ts';
import type { ManifestSource } from './manifestFile.ts';
import type { NodeExpectation } from './nodes/nodeClient.ts';
import type { NodeSet } from './nodes/nodeSet.ts';

/** What the keeper works with. */
export interface ManifestKeeperModules {
  readonly source: ManifestSource;
  /** Asked for when it is needed: the nodes are made with an expectation of this keeper. */
  readonly nodes: () => Pick<NodeSet, 'names' | 'client' | 'reverify' | 'refresh'>;
  readonly log: Log;
}

/** Keeps the manifest. */
export class ManifestKeeper {
  readonly #modules: ManifestKeeperModules;

  constructor(modules: ManifestKeeperModules) {
    this.#modules = modules;
  }

  /** The manifest in force. */
  get current(): VerifiedManifest {
    return this.#modules.source.current;
  }

  /** What a node is held against. */
  expectation(name: string): NodeExpectation {
    const { manifest, hash } = this.current;
    const policy = policyFor(manifest, name);
    return { policy, platform: policy.platform, cluster: manifest.cluster, manifest: hash };
  }

  /**
   * Puts a new manifest in force here and hands it to all nodes, each of which checks it for itself.
   * @throws SymbolonError `wire/*`, `manifest/*` where this coordinator refuses it.
   */
  async put(signed: Uint8Array): Promise<ManifestPutBody> {
    const current = await this.#modules.source.replace(signed);
    const all = this.#modules.nodes();
    // The nodes' evidence still names the old manifest until they have taken the new one: the call itself may go, the
    // check after it is made anew.
    const nodes = await Promise.all(
      all.names().map(async (node) => {
        try {
          await all.client(node).putManifest(signed);
          return { node, ok: true, reason: null };
        } catch (error) {
          if (!isSymbolonError(error)) {
            throw error;
          }
          return { node, ok: false, reason: error.message };
        }
      }),
    );
    await all.reverify();
    return { hash: toHex(current.hash), version: current.version, nodes };
  }

  /**
   * Reads the manifest's file again. Where another process has put a higher version there, all nodes are verified
   * against it; a file that is not acceptable is logged and changes nothing. Returns whether it changed.
   */
  async reload(): Promise<boolean> {
    const { source, log } = this.#modules;
    try {
      if (!(await source.reload())) {
        return false;
      }
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      log('error', 'manifest-refused', { code: error.code, detail: error.message });
      return false;
    }
    log('info', 'manifest', { version: this.current.version, hash: toHex(this.current.hash) });
    await this.#modules.nodes().reverify();
    return true;
  }

  /** A node shows another manifest: ours may be old (read the file again), or the node's (hand it ours). */
  async shownOther(name: string): Promise<void> {
    if (await this.reload()) {
      return;
    }
    const nodes = this.#modules.nodes();
    try {
      await nodes.client(name).offerManifest(this.current.signed);
      await nodes.refresh(name);
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      const { code, message: detail } = error;
      this.#modules.log('warn', 'manifest-not-taken', { node: name, code, detail });
    }
  }
}
