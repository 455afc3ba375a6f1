/** The one JSON object of `symbolon up --once`. */
import type { Cluster } from '../cluster/cluster.ts';
import { portsFrom } from '../cluster/layout.ts';
import type { DemoRun } from './demo.ts';

/** The object; its fields are a contract. */
export const resultOf = ({ facts, paths }: Cluster, demo: Pick<DemoRun, 'keys' | 'signatures'>): unknown => ({
  ok: true,
  cluster: {
    id: facts.cluster,
    label: facts.label,
    dir: paths.root,
    nodes: facts.nodes.map(({ name }) => name),
    threshold: facts.threshold,
    api: `http://127.0.0.1:${portsFrom(facts.port).coordinator}`,
  },
  keys: demo.keys,
  signatures: demo.signatures,
});
