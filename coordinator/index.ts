/**
 * The coordinator: verifies the nodes, carries key ceremonies and signing sessions, serves the HTTP API. It is trusted
 * with nothing: it can stop a signature and make none.
 */
export type * from './api.ts';
export { apiKeyHash, newApiKey, type NewApiKey } from './apiKeys.ts';
export { defaultPresign, type PresignOptions } from './background/pools.ts';
export {
  addressOf,
  chains,
  chainsOf,
  type AddressQuestion,
  type Chain,
  type KeyAddress,
} from './chains/address.ts';
export {
  bitcoinNetworks,
  taprootAddress,
  type BitcoinNetwork,
  type TaprootAddress,
} from './chains/bitcoin.ts';
export { cosmosAddress } from './chains/cosmos.ts';
export { evmAddress } from './chains/evm.ts';
export { parsePath, pathText } from './chains/path.ts';
export { solanaAddress } from './chains/solana.ts';
export {
  ApiClient,
  makeSignedRequest,
  readSeedFile,
  type ApiClientOptions,
  type RequestContent,
  type RequestHead,
  type WaitOptions,
} from './client.ts';
export { parseConfig, type Config } from './config.ts';
export {
  Coordinator,
  createCoordinator,
  type CoordinatorModules,
  type CoordinatorOptions,
} from './coordinator.ts';
export { defaultLimits, type CoordinatorLimits } from './limits.ts';
export { jsonLog, noLog, type Log, type LogFacts, type LogLevel } from './log.ts';
export type { FailedAttempt } from './signing/contract.ts';
export type { StepTime } from './rounds.ts';
export { makeServer, type ServerModules } from './server.ts';
export { openPgliteStore, type PgliteStoreOptions } from './store/pgliteStore.ts';
export type { ApiKeyRecord, Job, Store, StoredKey } from './store/store.ts';
