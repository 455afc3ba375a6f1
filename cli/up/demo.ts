/** The demonstration: a key for each chain, found or made, and a real transaction with each. */
import { bitcoinAddress, bitcoinSpend } from '../../demo/bitcoin.ts';
import { cosmosAddress, cosmosTransfer } from '../../demo/cosmos.ts';
import { evmAddress, evmTransfer } from '../../demo/evm.ts';
import { solanaAddress, solanaTransfer } from '../../demo/solana.ts';
import type { DemoSigner, DemoTransaction } from '../../demo/transaction.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { toHex, type Scheme } from '../../wire/ids.ts';
import type { Api, ChainName, KeyView, SignatureView } from '../api.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { demoPurposes } from '../cluster/policy.ts';
import type { Story } from './story.ts';

/** What the demonstration did; the fields of keys and signatures are those of the JSON result. */
export interface DemoRun {
  readonly keys: readonly {
    readonly id: string;
    readonly scheme: Scheme;
    readonly publicKey: string;
    readonly address: string;
  }[];
  readonly signatures: readonly {
    readonly chain: string;
    readonly scheme: Scheme;
    readonly txid: string;
    readonly participants: readonly string[];
    readonly ms: number;
    readonly verifiedBy: string;
  }[];
  /** `performance.now()` when the first signature was there. */
  readonly firstSignatureAt: number;
}

interface Part {
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly label: string;
  /** The chain as the coordinator's address route names it. */
  readonly chain: ChainName;
  readonly addressOf: (publicKey: Uint8Array) => string;
  readonly run: (publicKey: Uint8Array, sign: DemoSigner) => Promise<DemoTransaction>;
}

const parts: readonly Part[] = [
  {
    scheme: 'frost-ed25519',
    purpose: demoPurposes.solana,
    label: 'demo solana',
    chain: { chain: 'solana' },
    addressOf: solanaAddress,
    run: solanaTransfer,
  },
  {
    scheme: 'frost-secp256k1-tr',
    purpose: demoPurposes.bitcoin,
    label: 'demo bitcoin',
    chain: { chain: 'bitcoin', network: 'regtest' },
    addressOf: bitcoinAddress,
    run: bitcoinSpend,
  },
  {
    scheme: 'dkls23-secp256k1',
    purpose: demoPurposes.evm,
    label: 'demo evm',
    chain: { chain: 'evm' },
    addressOf: evmAddress,
    run: evmTransfer,
  },
  {
    // The same arithmetic, and still a key of its own: one key, one purpose (T19).
    scheme: 'dkls23-secp256k1',
    purpose: demoPurposes.cosmos,
    label: 'demo cosmos',
    chain: { chain: 'cosmos' },
    addressOf: cosmosAddress,
    run: cosmosTransfer,
  },
];

/**
 * Runs all parts.
 * @throws SymbolonError of the coordinator's calls, `cli/demo-failed`, `cli/wrong-answer`.
 */
export async function runDemo(api: Api, cluster: Cluster, story: Story): Promise<DemoRun> {
  const known = await api.keys();
  const keys: (Part & { readonly key: KeyView; readonly address: string })[] = [];
  story.heading('Keys');
  for (const part of parts) {
    const key = await findOrMake(part, known, api, cluster, story);
    const address = part.addressOf(key.publicKey);
    // Two programs must come to one address from one key.
    if ((await api.address(key, part.chain)) !== address) {
      throw new SymbolonError('cli/wrong-answer', { reason: `address of ${key.id}` });
    }
    story.address(address);
    keys.push({ ...part, key, address });
  }
  story.heading('Signatures');
  const signatures: DemoRun['signatures'][number][] = [];
  let firstSignatureAt = 0;
  for (const { run, key } of keys) {
    let view: SignatureView | undefined;
    const sign: DemoSigner = async (payload) => {
      view = await api.sign(key, payload);
      firstSignatureAt ||= performance.now();
      return view.signature;
    };
    const transaction = await accepted(run, key, sign);
    if (view !== undefined) {
      story.signed(transaction, view);
      const { participants, ms } = view;
      const { chain, txid, verifiedBy } = transaction;
      signatures.push({ chain, scheme: key.scheme, txid, participants, ms, verifiedBy });
    }
  }
  return {
    keys: keys.map(({ key, address }) => ({
      id: key.id,
      scheme: key.scheme,
      publicKey: toHex(key.publicKey),
      address,
    })),
    signatures,
    firstSignatureAt,
  };
}

async function findOrMake(
  part: Part,
  known: readonly KeyView[],
  api: Api,
  cluster: Cluster,
  story: Story,
): Promise<KeyView> {
  const found = known.find(
    ({ purpose, scheme, state }) => purpose === part.purpose && scheme === part.scheme && state === 'active',
  );
  if (found !== undefined) {
    story.key(found, undefined);
    return found;
  }
  const began = performance.now();
  const { key, steps } = await api.createKey({
    scheme: part.scheme,
    threshold: cluster.facts.threshold,
    nodes: cluster.facts.nodes.map(({ name }) => name),
    purpose: part.purpose,
    label: part.label,
  });
  story.key(key, { ms: performance.now() - began, steps });
  return key;
}

/** A refusal of the chain library is a defect and is called one; a refusal of the cluster goes on as it is. */
async function accepted(run: Part['run'], key: KeyView, sign: DemoSigner): Promise<DemoTransaction> {
  try {
    return await run(key.publicKey, sign);
  } catch (error) {
    if (isSymbolonError(error)) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : 'unknown';
    throw new SymbolonError('cli/demo-failed', { chain: key.purpose, reason }, { cause: error });
  }
}
