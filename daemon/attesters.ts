/** The attesters of this build: each is opened as the configuration of its platform says. */
import {
  digestProgramFolder,
  insecureDevAttester,
  nitroAttester,
  openNsm,
  tpm2Attester,
  type Attester,
} from '../enclave/attester/index.ts';
import type { NodeConfig, NodeModules } from './node.ts';

/** What the attesters work with. */
export interface AttesterModules {
  /** Folder of the built program: what an insecure dev node says that it runs. */
  readonly program: string;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The attesters by platform. A machine without the device of its platform is refused by name when one is opened. */
export function attestersOf({ program, now }: AttesterModules): NodeModules['attesters'] {
  const open = async ({ attester, cluster, node }: NodeConfig): Promise<Attester> => {
    switch (attester.platform) {
      case 'dev':
        return insecureDevAttester({
          folder: attester.folder,
          program: await digestProgramFolder(program),
          now,
        });
      case 'nitro':
        return nitroAttester({ device: await openNsm(attester.device), cluster, node, now });
      case 'tpm2':
        return tpm2Attester({ ...attester, now });
    }
  };
  return { dev: open, nitro: open, tpm2: open };
}
