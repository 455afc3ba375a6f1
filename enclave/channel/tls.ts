/**
 * TLS 1.3 that ends inside the node (RFC 8446), with certificates that are only containers: the node's key is worth
 * what its evidence says, the client's key what the manifest says. So no certificate authority is asked, and both ends
 * look at the raw key of the other.
 */
import { constants, createPublicKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { certificatePem, selfSigned } from '../x509/index.ts';
import { certificateLife, serialNumber, spkiHash, type IdentityModules, type TlsKey } from './identity.ts';
import { privateKeyFromRaw, privateKeyPem, rawPublicKey } from './keys.ts';

/** The three AEAD suites of RFC 8446 section 9.1; without this list OpenSSL may be configured to offer CCM too. */
const suites = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

/** Longest handshake in milliseconds before the node closes the connection (T35, T43). */
export const handshakeMs = 5_000;

const version = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: suites } as const;

/**
 * Options of a node's TLS listener, for `https.createServer` and fastify's `https`. TLS 1.3 only; a client certificate
 * is asked and not required, because health and evidence are for everyone: the routes look at {@link peerEd25519Key}.
 *
 * `rejectUnauthorized` is off because a client's certificate is self-signed. TLS still proves that the client holds the
 * key (RFC 8446 section 4.4.3). Each connection proves the key anew: with SSL_OP_NO_TICKET the tickets that OpenSSL still
 * sends are names of sessions that nobody keeps, so nothing of one connection opens another.
 */
export function serverTls(tls: TlsKey): SecureContextOptions & TlsOptions {
  return {
    key: tls.key,
    cert: tls.cert,
    ...version,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeMs,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/**
 * Key and self-signed certificate of a client, from its raw 32-byte Ed25519 seed. The seed stays the caller's to wipe,
 * and the PEM in the result too, once the agent is made; every other copy is wiped here.
 * @throws SymbolonError `channel/bad-key` where the seed is not 32 bytes.
 */
export function clientTls(
  client: { readonly seed: Uint8Array },
  modules: Partial<IdentityModules> = {},
): TlsKey {
  const privateKey = privateKeyFromRaw('ed25519', client.seed);
  const now = (modules.now ?? Date.now)();
  const certificate = selfSigned({
    name: [['CN', 'symbolon client']],
    publicKey: createPublicKey(privateKey),
    privateKey,
    serial: serialNumber(modules.random ?? randomBytes),
    notBefore: now - certificateLife.before,
    notAfter: now + certificateLife.after,
  });
  return { key: privateKeyPem(privateKey), cert: certificatePem(certificate) };
}

/** TLS options of a client, to be joined with `connectOptions` of an address. The caller checks the peer's key. */
export function clientTlsOptions(tls: TlsKey | undefined): SecureContextOptions & {
  readonly rejectUnauthorized: false;
  readonly ALPNProtocols: string[];
} {
  return {
    ...version,
    ...(tls === undefined ? {} : { key: tls.key, cert: tls.cert }),
    // A node's certificate is self-signed: what counts is the hash of its key, checked before anything is sent.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  };
}

interface PeerKeys {
  readonly key: KeyObject;
  ed25519?: Uint8Array | undefined;
  spki?: Uint8Array;
}
const peers = new WeakMap<Socket, PeerKeys>();

/** The key of the peer's certificate, looked up once a connection: TLS 1.3 has no renegotiation that could change it. */
function peerOf(socket: Socket): PeerKeys | undefined {
  const known = peers.get(socket);
  if (known !== undefined) {
    return known;
  }
  if (!(socket instanceof TLSSocket) || socket.getProtocol() !== 'TLSv1.3') {
    return undefined;
  }
  try {
    const key = socket.getPeerX509Certificate()?.publicKey;
    if (key === undefined) {
      return undefined;
    }
    const found: PeerKeys = { key };
    peers.set(socket, found);
    return found;
  } catch {
    // A certificate with a key that OpenSSL doesn't know is no key for us: the peer counts as unauthenticated.
    return undefined;
  }
}

/**
 * The raw 32-byte Ed25519 key that the peer of a TLS 1.3 connection proved to hold, or `undefined` where it showed no
 * certificate or one with a key of another kind. Compare it with the manifest's clients.
 */
export function peerEd25519Key(socket: Socket): Uint8Array | undefined {
  const peer = peerOf(socket);
  if (peer === undefined) {
    return undefined;
  }
  peer.ed25519 ??= rawPublicKey(peer.key, 'ed25519');
  return peer.ed25519?.slice();
}

/**
 * SHA-256 of the SubjectPublicKeyInfo of the key that the peer of a TLS 1.3 connection proved to hold, 32 bytes, or
 * `undefined` where there is none. Compare it with `tls` of the identity in the peer's evidence.
 */
export function peerSpkiHash(socket: Socket): Uint8Array | undefined {
  const peer = peerOf(socket);
  if (peer === undefined) {
    return undefined;
  }
  peer.spki ??= spkiHash(peer.key);
  return peer.spki.slice();
}
