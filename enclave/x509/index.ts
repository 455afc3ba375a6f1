/** Certificates: strict DER, a builder, and a strict view of what a certificate says. */
export {
  certificatePem,
  keyUsages,
  makeCertificate,
  selfSigned,
  type CertificateInput,
  type Extensions,
  type KeyUsage,
  type Name,
} from './certificate.ts';
export { readCertificate, type CertificateView, type KeyType, type SignatureAlgorithm } from './parse.ts';
