/** Attesters: what makes evidence of this machine. Only the insecure dev attester runs outside an enclave. */
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
export {
  digestProgramFolder,
  insecureDevPcrs,
  programDigest,
  type DevPcrs,
  type ProgramFile,
} from './program.ts';
