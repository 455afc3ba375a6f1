/** What a cluster folder must look like: modes, manifest, tokens, processes, ports, clock. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { levelOf } from '../../coordinator/expiries.ts';
import { nodeFiles } from '../../daemon/files/atomic.ts';
import { verifyManifestFile } from '../../daemon/governance/manifestStore.ts';
import { readProfile } from '../../hsm/index.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { fromHex } from '../../wire/ids.ts';
import type { Manifest } from '../../wire/messages/manifest.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { lockHolder, notedProcesses } from '../cluster/lock.ts';
import { isTaken, neededPorts } from '../cluster/ports.ts';
import { duration, utc } from '../style.ts';
import type { Finding } from './finding.ts';
import { liveChecks } from './liveChecks.ts';

/** All checks of a cluster folder. */
export async function clusterChecks(cluster: Cluster, now: number): Promise<Finding[]> {
  const holder = lockHolder(cluster.paths);
  const runs = holder !== undefined;
  return [
    modes(cluster),
    ...(await manifestChecks(cluster, now, runs)),
    ...cluster.facts.nodes.map((node) => token(cluster, node.name)),
    processes(cluster, holder?.pid),
    ...(await ports(cluster, runs)),
    ...(runs ? await liveChecks(cluster, now) : []),
  ];
}

/** Files and folders that others than their owner can read or write. */
function modes({ paths }: Cluster): Finding {
  const exposed: string[] = [];
  const walk = (at: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isSocket()) {
        continue;
      }
      const open = (lstatSync(path).mode & 0o077) !== 0;
      if (!open && path === join(paths.coordinator, 'database')) {
        // The database sets modes of its own inside of its folder, which nobody else can enter.
        continue;
      }
      if (open) {
        exposed.push(relative(paths.root, path));
      }
      if (entry.isDirectory()) {
        walk(path);
      }
    }
  };
  if ((lstatSync(paths.root).mode & 0o077) !== 0) {
    exposed.push('.');
  }
  walk(paths.root);
  return exposed.length === 0
    ? { state: 'ok', about: 'modes', what: 'nothing is readable by other users' }
    : {
        state: 'bad',
        about: 'modes',
        what: `other users can read ${exposed.slice(0, 5).join(', ')}${exposed.length > 5 ? ` and ${exposed.length - 5} more` : ''}`,
        todo: `find out who could; then chmod -R go= ${paths.root}`,
      };
}

async function manifestChecks({ paths, facts }: Cluster, now: number, runs: boolean): Promise<Finding[]> {
  try {
    const anchor = fromHex(facts.anchor) ?? new Uint8Array();
    const { manifest } = await verifyManifestFile({ file: paths.manifest, anchor }, { files: nodeFiles() });
    return [
      {
        state: 'ok',
        about: 'manifest',
        what: `version ${manifest.version} is signed by the governance keys`,
      },
      clock(manifest, now),
      // Which images are in use only a cluster that runs can say.
      ...(runs ? [] : expiries(manifest, now)),
    ];
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return [{ state: 'bad', about: 'manifest', what: error.message, todo: error.todo }];
  }
}

function clock(manifest: Manifest, now: number): Finding {
  return now < manifest.issuedAt
    ? {
        state: 'bad',
        about: 'clock',
        what: `this machine says ${utc(now)}, before the manifest was issued (${utc(manifest.issuedAt)})`,
        todo: 'set the clock; timedatectl shows what keeps it',
      }
    : { state: 'ok', about: 'clock', what: utc(now) };
}

/**
 * What of the manifest ends within a week, by the levels that the coordinator's status has too (T08). Of the images of a
 * platform the one that lasts longest counts: those before it are meant to end.
 */
export function expiries(manifest: Manifest, now: number): Finding[] {
  const lasting = manifest.measurements.filter((one) =>
    manifest.measurements.every((other) => other.platform !== one.platform || other.notAfter <= one.notAfter),
  );
  const ends = [
    ...lasting.map((one) => ({ what: `image ${one.name}`, at: one.notAfter })),
    ...manifest.clients.map((one) => ({ what: `client ${one.name}`, at: one.notAfter })),
  ];
  return ends.flatMap(({ what, at }): Finding[] => {
    const level = levelOf(at, now);
    return level === 'ok'
      ? []
      : [
          {
            state: level === 'warning' ? 'note' : 'bad',
            about: 'expiry',
            what:
              level === 'ended'
                ? `${what} ended at ${utc(at)}`
                : `${level}: ${what} ends in ${duration(at - now)}, ${utc(at)}`,
            todo: 'sign a manifest of a higher version; `symbolon up` does it for images of a local cluster',
          },
        ];
  });
}

function token({ paths }: Cluster, node: string): Finding {
  const about = `token of ${node}`;
  try {
    const profile = readProfile(paths.node(node).profile);
    if (!existsSync(paths.node(node).pin)) {
      return {
        state: 'bad',
        about,
        what: 'the PIN file is not there',
        todo: 'put it back from a copy; it can not be made again',
      };
    }
    return {
      state: 'ok',
      about,
      what: `${profile.tokenLabel}, serial ${profile.tokenSerial}, ${profile.algorithm}`,
    };
  } catch (error) {
    if (!isSymbolonError(error)) {
      throw error;
    }
    return { state: 'bad', about, what: error.message, todo: error.todo };
  }
}

function processes({ paths, facts }: Cluster, supervisor: number | undefined): Finding {
  const noted = notedProcesses(paths);
  // Three processes a node and the coordinator.
  const wanted = facts.nodes.length * 3 + 1;
  if (supervisor === undefined) {
    return noted.length === 0
      ? {
          state: 'note',
          about: 'processes',
          what: 'the cluster does not run',
          todo: 'start it with `symbolon up`',
        }
      : {
          state: 'bad',
          about: 'processes',
          what: `the supervisor is gone and ${noted.length} processes still run`,
          todo: '`symbolon up` ends them and starts anew',
        };
  }
  return noted.length >= wanted
    ? { state: 'ok', about: 'processes', what: `${noted.length} run under process ${supervisor}` }
    : {
        state: 'bad',
        about: 'processes',
        what: `${noted.length} of ${wanted} run`,
        todo: `see the newest log in ${paths.logs}`,
      };
}

async function ports({ facts }: Cluster, running: boolean): Promise<Finding[]> {
  const wrong: string[] = [];
  for (const [port, user] of neededPorts(facts.port, facts.nodes)) {
    if ((await isTaken(port)) !== running) {
      wrong.push(`${port} (${user})`);
    }
  }
  if (wrong.length === 0) {
    return [{ state: 'ok', about: 'ports', what: running ? 'all are served' : 'all are free' }];
  }
  return [
    running
      ? { state: 'bad', about: 'ports', what: `nobody listens on ${wrong.join(', ')}`, todo: 'see the logs' }
      : {
          state: 'bad',
          about: 'ports',
          what: `taken by other programs: ${wrong.join(', ')}`,
          todo: 'end those programs, or start with another --port',
        },
  ];
}
