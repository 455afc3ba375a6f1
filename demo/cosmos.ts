/**
 * A Cosmos bank transfer in SIGN_MODE_DIRECT whose only signature comes from outside: body, auth info and sign doc are
 * built with cosmjs-types, the ECDSA signature is asked for over the SHA-256 hash of the sign doc. Then another protobuf
 * library takes the broadcast bytes apart, forms the sign doc again, and libsecp256k1 verifies the signature.
 */
import { createHash } from 'node:crypto';
import { bech32 } from '@scure/base';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { PubKey } from 'cosmjs-types/cosmos/crypto/secp256k1/keys';
import { MsgSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import { SignMode } from 'cosmjs-types/cosmos/tx/signing/v1beta1/signing';
import { AuthInfo, SignDoc, TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import protobuf from 'protobufjs/minimal.js';
import { verify } from 'tiny-secp256k1';
import { equalBytes, toHex } from '../wire/ids.ts';
import type { DemoSigner, DemoTransaction } from './transaction.ts';

/** The chain that the transfer is for: the sign doc binds it, so a signature for one chain is none for another. */
const chain = { id: 'symbolon-demo-1', accountNumber: 7n, sequence: 0n, prefix: 'cosmos' };
const amount = '1000000';
const fee = { amount: '2000', gas: 80_000n };

const sha256 = (raw: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(raw).digest());

/** The bech32 account address of a compressed secp256k1 public key, 33 bytes (ADR-028 keeps this form for such keys). */
export const cosmosAddress = (publicKey: Uint8Array): string =>
  bech32.encode(chain.prefix, bech32.toWords(ripemd160(sha256(publicKey))));

/**
 * Builds a transfer from the account of `publicKey` (33 bytes), has it signed, and has it verified.
 * @throws Error where the second library reads something else than was signed, or refuses the signature.
 */
export async function cosmosTransfer(publicKey: Uint8Array, sign: DemoSigner): Promise<DemoTransaction> {
  const from = cosmosAddress(publicKey);
  // Nobody's account: the hash of a word.
  const to = bech32.encode(chain.prefix, bech32.toWords(ripemd160(sha256(Buffer.from('receiver')))));
  const bodyBytes = TxBody.encode(
    TxBody.fromPartial({
      messages: [
        {
          typeUrl: '/cosmos.bank.v1beta1.MsgSend',
          value: MsgSend.encode({
            fromAddress: from,
            toAddress: to,
            amount: [{ denom: 'uatom', amount }],
          }).finish(),
        },
      ],
    }),
  ).finish();
  const authInfoBytes = AuthInfo.encode(
    AuthInfo.fromPartial({
      signerInfos: [
        {
          publicKey: {
            typeUrl: '/cosmos.crypto.secp256k1.PubKey',
            value: PubKey.encode({ key: publicKey }).finish(),
          },
          modeInfo: { single: { mode: SignMode.SIGN_MODE_DIRECT } },
          sequence: chain.sequence,
        },
      ],
      fee: { amount: [{ denom: 'uatom', amount: fee.amount }], gasLimit: fee.gas },
    }),
  ).finish();
  const signDoc = SignDoc.encode({
    bodyBytes,
    authInfoBytes,
    chainId: chain.id,
    accountNumber: chain.accountNumber,
  }).finish();
  const signature = await sign({ kind: 'ecdsa-sha256', message: signDoc });
  const raw = TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [signature] }).finish();
  verifyTransfer(raw, publicKey);
  return {
    chain: 'cosmos',
    txid: toHex(sha256(raw)).toUpperCase(),
    from,
    to,
    story: `1 ATOM sent in SIGN_MODE_DIRECT, fee ${fee.amount} uatom`,
    verifiedBy: 'protobufjs + tiny-secp256k1',
  };
}

/** Fields of a protobuf message that are byte strings, by number, in their order (Cosmos ADR-027). */
function byteFields(raw: Uint8Array): Map<number, Uint8Array[]> {
  const reader = protobuf.Reader.create(raw);
  const fields = new Map<number, Uint8Array[]>();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) !== 2) {
      reader.skipType(tag & 7);
      continue;
    }
    const value = new Uint8Array(reader.bytes());
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value]);
  }
  return fields;
}

const only = (fields: ReadonlyMap<number, readonly Uint8Array[]>, number: number): Uint8Array => {
  const [value, second] = fields.get(number) ?? [];
  if (value === undefined || second !== undefined) {
    throw new Error(`not exactly one field ${number}`);
  }
  return value;
};

/**
 * Verifies broadcast bytes (`TxRaw`) without the library that made them: the signer of the auth info is `publicKey` (33
 * bytes), and the one signature is its ECDSA signature, low s, over the sign doc of the demonstration's chain.
 * @throws Error where they are not.
 */
export function verifyTransfer(raw: Uint8Array, publicKey: Uint8Array): void {
  const tx = byteFields(raw);
  const body = only(tx, 1);
  const authInfo = only(tx, 2);
  const signature = only(tx, 3);
  const key = only(byteFields(only(byteFields(only(byteFields(only(byteFields(authInfo), 1)), 1)), 2)), 1);
  if (!equalBytes(key, publicKey)) {
    throw new Error('the transaction names another signer');
  }
  const signDoc = protobuf.Writer.create()
    .uint32((1 << 3) | 2)
    .bytes(body)
    .uint32((2 << 3) | 2)
    .bytes(authInfo)
    .uint32((3 << 3) | 2)
    .string(chain.id)
    .uint32(4 << 3)
    .uint64(Number(chain.accountNumber))
    .finish();
  // Cosmos takes 64 bytes with low s; strict verification of libsecp256k1 refuses high s as the chain does.
  if (signature.length !== 64 || !verify(sha256(signDoc), publicKey, signature, true)) {
    throw new Error('the second library refuses the signature');
  }
}
