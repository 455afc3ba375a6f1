/** What `symbolon up` tells a person, in the order in which it happens. */
import type { Cluster, ClusterFacts } from '../cluster/cluster.ts';
import type { SupervisorEvent } from '../cluster/supervisor.ts';
import type { Upgrade } from '../cluster/upgrade.ts';
import type { DemoTransaction } from '../../demo/transaction.ts';
import type { KeyView, SignatureView, StepView } from '../api.ts';
import type { Io } from '../io.ts';
import type { NodeView, StatusView } from '../statusView.ts';
import { duration, table, utc } from '../style.ts';

/** Tells the story of one run. */
export class Story {
  readonly #io: Io;
  #started = false;
  #interruptions = 0;

  constructor(io: Io) {
    this.#io = io;
  }

  /** One line as it is. */
  line(text: string): void {
    this.#io.out(text);
  }

  title(version: string): void {
    this.line(`${this.#io.style.strong('symbolon')} ${version}`);
  }

  heading(text: string): void {
    this.line('');
    this.line(this.#io.style.strong(text));
  }

  detail(text: string): void {
    this.line(`  ${this.#io.style.dim(text)}`);
  }

  /** Something that a person should know and that stops nothing. */
  warn(text: string): void {
    this.#io.err(`${this.#io.errStyle.warn('note')}  ${text}`);
  }

  /** Runs a step and tells its time. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.heading(`${name.charAt(0).toUpperCase()}${name.slice(1)}`);
    const began = performance.now();
    const result = await work();
    this.detail(`done in ${duration(performance.now() - began)}`);
    return result;
  }

  found(root: string, facts: ClusterFacts): void {
    this.heading('Cluster');
    this.line(
      `  found in ${root}: ${facts.threshold} of ${facts.nodes.length} nodes sign, made ${utc(facts.createdAt)}`,
    );
  }

  upgrade(upgrade: Upgrade): void {
    if (upgrade.kind === 'accepted') {
      const before = upgrade.before.length === 0 ? '' : `; for a week still: ${upgrade.before.join(', ')}`;
      this.line(`  new build: manifest version ${upgrade.version} accepts image ${upgrade.image}${before}`);
    } else if (upgrade.kind === 'placed') {
      this.line(`  manifest version ${upgrade.version} put back on a node that had another`);
    }
  }

  process(event: SupervisorEvent): void {
    const { dim, bad, good } = this.#io.style;
    switch (event.kind) {
      case 'ready':
        this.line(`  ${event.process.padEnd(16)} ${dim(`process ready after ${duration(event.ms)}`)}`);
        return;
      case 'ended':
        this.line(
          `  ${event.process.padEnd(16)} ${bad(`ended with ${event.how}`)}, ${event.restartMs === undefined ? 'and is not started again by itself: see its log' : `starts again in ${duration(event.restartMs)}`}`,
        );
        return;
      case 'restarted':
        this.line(`  ${event.process.padEnd(16)} ${good('runs again')}`);
    }
  }

  /** Which node attested what, as the coordinator verified it. */
  attested({ nodes, manifestVersion }: StatusView, now: number): void {
    const { good, bad } = this.#io.style;
    this.heading(`Evidence, verified against manifest version ${manifestVersion}`);
    for (const row of table(
      nodes.map((node) => [
        `  ${node.name}`,
        node.ready ? good('attested') : bad('out'),
        ...evidenceWords(node, now),
      ]),
    )) {
      this.line(row);
    }
  }

  key(key: KeyView, made: { readonly ms: number; readonly steps: readonly StepView[] } | undefined): void {
    const { strong, dim } = this.#io.style;
    const how = made === undefined ? 'found' : `made by ${key.nodes.join(', ')} in ${duration(made.ms)}`;
    this.line(`  ${strong(key.scheme)}  ${key.threshold} of ${key.nodes.length}, ${how}`);
    if (made !== undefined && made.steps.length > 0) {
      this.line(`    ${dim(stepWords(made.steps))}`);
    }
    this.line(`    id       ${key.id}  ${dim(`for ${key.purpose}`)}`);
  }

  address(address: string): void {
    this.line(`    address  ${address}`);
  }

  signed(transaction: DemoTransaction, { participants, ms, steps, failed }: SignatureView): void {
    const { good, strong, dim } = this.#io.style;
    for (const failure of failed) {
      this.warn(`went on without ${failure}`);
    }
    this.line(`  ${strong(transaction.chain)}  signed by ${participants.join(' and ')} in ${duration(ms)}`);
    this.line(`    ${dim(stepWords(steps))}`);
    this.line(`    to       ${transaction.to}  ${dim(transaction.story)}`);
    this.line(`    txid     ${transaction.txid}`);
    this.line(`    ${good('accepted')} by ${transaction.verifiedBy}`);
  }

  /** How long it took from the start of the first process to the first signature, and in all. */
  times(startToSignature: number, whole: number): void {
    this.detail(
      `first signature ${duration(startToSignature)} after the start of the first process, ${duration(whole)} in all`,
    );
  }

  running({ paths }: Cluster, url: string): void {
    this.#started = true;
    this.line('');
    this.line(`${this.#io.style.good('Running')}  API ${url}  logs ${paths.logs}`);
    this.line(this.#io.style.dim(`symbolon status --dir ${paths.root}   Ctrl-C ends everything`));
  }

  interrupted(): void {
    this.#interruptions += 1;
    if (this.#interruptions === 1) {
      this.#io.err(this.#started ? 'Ending ...' : 'Interrupted; ending what was started ...');
    }
  }

  ended(ms: number, killed: readonly string[]): void {
    if (killed.length > 0) {
      this.warn(`had to be killed: ${killed.join(', ')}`);
    }
    if (this.#started) {
      this.line(`All processes ended in ${duration(ms)}.`);
    }
  }
}

function evidenceWords(node: NodeView, now: number): string[] {
  if (!node.ready) {
    return [node.reason ?? node.state];
  }
  const until = node.evidenceUntil;
  return [
    `image ${node.measurement ?? '?'} on ${node.platform ?? '?'}`,
    until === undefined ? '' : `until ${utc(until)} (${duration(until - now)})`,
  ];
}

const stepWords = (steps: readonly StepView[]): string =>
  steps.map(({ step, ms }) => `${step} ${Math.round(ms)} ms`).join(', ');
