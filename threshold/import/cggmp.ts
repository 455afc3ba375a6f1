/**
 * Key shares of LFDT-Lockness/cggmp21 (crates cggmp21 and cggmp24; givre for Ed25519), all of which store the `CoreKeyShare`
 * of the crate key-share (key-share/src/lib.rs) as JSON, alone or under `core` beside auxiliary data:
 *
 * - `curve`; `i`: place of this holder, from 0; `x`: the share,
 * - `shared_public_key`; `public_shares`: share times generator of each holder,
 * - `vss_setup`: `min_signers`, the threshold, and `I`, the points at which the polynomial is evaluated; absent or null where
 *   the shares are summands,
 * - `chain_code`: absent or null where the key has none.
 *
 * Points are compressed and scalars big-endian, both as hexadecimal text, on every curve (generic-ec/src/serde.rs); before
 * version 0.2 the items of `I` are objects with `curve` and `scalar`.
 */
import type { Scheme } from '../../wire/ids.ts';
import type { Group } from '../group/group.ts';
import { integerOf } from '../group/integers.ts';
import { groupOf } from '../scheme.ts';
import { field, hex, items, optionalField, secretScalar, smallNumber, text } from './fields.ts';
import { checkForeignShare, maxForeignHolders, type ForeignShare } from './foreign.ts';
import { badImport, readJson, type JsonNode } from './json.ts';
import { checkedPoint } from './points.ts';

const curveNames: Readonly<Record<Group['name'], string>> = {
  secp256k1: 'secp256k1',
  p256: 'secp256r1',
  ed25519: 'ed25519',
};

/**
 * Parses and checks a share. The input stays the caller's to wipe; the secret of the result is.
 * @throws SymbolonError `threshold/bad-import`.
 */
export function parseCggmpShare(input: Uint8Array, opts: { readonly scheme: Scheme }): ForeignShare {
  const file = readJson(input);
  const core = optionalField(file, 'core') ?? file;
  const group = groupOf(opts.scheme);
  checkCurve(group, field(core, 'curve'));
  const secret = secretScalar(group, hex(field(core, 'x'), 32));
  try {
    const verifyingShares = items(field(core, 'public_shares'), 2, maxForeignHolders).map((one) =>
      point(group, one),
    );
    const setup = optionalField(core, 'vss_setup');
    const chainCode = optionalField(core, 'chain_code');
    const count = verifyingShares.length;
    const share: ForeignShare = {
      key: {
        scheme: opts.scheme,
        threshold: setup === undefined ? count : smallNumber(field(setup, 'min_signers'), count),
        points: setup && items(field(setup, 'I'), count, count).map((one) => scalar(group, one)),
        groupPublicKey: point(group, field(core, 'shared_public_key')),
        verifyingShares,
        chainCode: chainCode && hex(chainCode, 32),
      },
      position: smallNumber(field(core, 'i'), count - 1),
      secret,
    };
    checkForeignShare(share);
    return share;
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}

function checkCurve(group: Group, node: JsonNode): void {
  if (text(node) !== curveNames[group.name]) {
    throw badImport('the share is of another curve');
  }
}

const point = (group: Group, node: JsonNode): Uint8Array =>
  checkedPoint(group, hex(node, group.elementBytes));

/** A public evaluation point, below the order. */
function scalar(group: Group, node: JsonNode): bigint {
  let digits = node;
  if (node.kind === 'object') {
    checkCurve(group, field(node, 'curve'));
    digits = field(node, 'scalar');
  }
  const value = integerOf(hex(digits, 32), false);
  if (value >= group.order) {
    throw badImport('an evaluation point is not below the order');
  }
  return value;
}
