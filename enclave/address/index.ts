/** Addresses of listeners: see address.ts for the forms, listen.ts for how one is taken. */
export {
  connectOptions,
  formatAddress,
  isLoopback,
  listenOptions,
  parseAddress,
  type Address,
  type AddressOptions,
  type TcpAddress,
  type UnixAddress,
  type VsockAddress,
} from './address.ts';
export { errnoOf, listenOn } from './listen.ts';
