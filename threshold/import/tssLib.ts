/**
 * Key shares of bnb-chain/tss-lib (GG18, GG20 and EdDSA) and its forks: the JSON of `LocalPartySaveData`
 * (ecdsa/keygen/save_data.go, eddsa/keygen/save_data.go; points as crypto/ecpoint.go writes them). Of it we read:
 *
 * - `Xi`: the share; `ShareID`: the point at which the polynomial is evaluated for this holder,
 * - `Ks`: those points for all holders; `BigXj`: share times generator of each, in the same order,
 * - `ECDSAPub` or `EDDSAPub`: the public key.
 *
 * All numbers are JSON numbers in decimal with up to 78 digits, so an ordinary JSON parser would round them. The threshold is
 * not in the file: what tss-lib calls `threshold` is one less than the number of signers that is meant here. Everything
 * about Paillier is left aside.
 */
import { isEcdsa, type Scheme } from '../../wire/ids.ts';
import type { Group } from '../group/group.ts';
import { groupOf } from '../scheme.ts';
import { decimal, field, items, optionalField, publicDecimal, secretScalar, text } from './fields.ts';
import { checkForeignShare, maxForeignHolders, type ForeignShare } from './foreign.ts';
import { badImport, readJson, type JsonNode } from './json.ts';
import { encodePoint } from './points.ts';

/** Names that a point may give to its curve. tss/curve.go has the first two; for P-256 callers register their own. */
const curveNames: Readonly<Record<Group['name'], readonly string[]>> = {
  secp256k1: ['secp256k1'],
  ed25519: ['ed25519'],
  p256: ['p256', 'P-256', 'secp256r1', 'nist256p1'],
};

/**
 * Parses and checks a share. `threshold` is the number of signers. The input stays the caller's to wipe; the secret of the
 * result is.
 * @throws SymbolonError `threshold/bad-import`.
 */
export function parseTssLibShare(
  input: Uint8Array,
  opts: { readonly scheme: Scheme; readonly threshold: number },
): ForeignShare {
  const file = readJson(input);
  const group = groupOf(opts.scheme);
  const secret = secretScalar(group, decimal(field(file, 'Xi')));
  try {
    const names = items(field(file, 'Ks'), 2, maxForeignHolders).map(publicDecimal);
    const own = publicDecimal(field(file, 'ShareID'));
    const share: ForeignShare = {
      key: {
        scheme: opts.scheme,
        threshold: opts.threshold,
        // A point may be above the order: tss-lib reduces where it computes with it.
        points: names.map((name) => group.reduce(name)),
        groupPublicKey: point(group, field(file, publicKeyField(opts.scheme))),
        verifyingShares: items(field(file, 'BigXj'), names.length, names.length).map((one) =>
          point(group, one),
        ),
        chainCode: undefined,
      },
      position: names.indexOf(own),
      secret,
    };
    checkForeignShare(share);
    return share;
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}

const publicKeyField = (scheme: Scheme): string =>
  isEcdsa(scheme) || scheme === 'frost-secp256k1-tr' ? 'ECDSAPub' : 'EDDSAPub';

function point(group: Group, node: JsonNode): Uint8Array {
  const curve = optionalField(node, 'Curve');
  if (curve !== undefined && !curveNames[group.name].includes(text(curve))) {
    throw badImport('a point is of another curve');
  }
  const [x, y] = items(field(node, 'Coords'), 2, 2).map(publicDecimal);
  return encodePoint(group, x ?? 0n, y ?? 0n);
}
