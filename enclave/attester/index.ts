/** Attesters: what makes evidence of this machine, one for each platform. SPEC.md says what each binds, and where. */
export type { Attester, Bound } from './attester.ts';
export { insecureDevAttester, type DevModules, type InsecureDevAttester } from './insecureDev.ts';
export {
  enrolInsecureDevInstance,
  makeInsecureDevRoot,
  readInsecureDevRoot,
  type InsecureDevInstance,
  type InsecureDevRoot,
  type RandomBytes,
} from './insecureDevRoot.ts';
export { identityPcr, identityRegister, nitroAttester, type NitroAttesterOptions } from './nitro/attester.ts';
export { nsmPath, openNsm, type NsmDevice } from './nitro/device.ts';
export {
  digestProgramFolder,
  insecureDevPcrs,
  programDigest,
  type DevPcrs,
  type ProgramFile,
} from './program.ts';
export { tpm2Attester, type Tpm2AttesterOptions } from './tpm2/attester.ts';
export {
  answerTpm2Challenge,
  requestTpm2Enrolment,
  type Tpm2EnrolmentOptions,
  type Tpm2Request,
} from './tpm2/enrolment.ts';
export { readTpmAddress, tpmAddressText, type TpmAddress } from '../tpm/device/index.ts';
