/** Whether the ports that a cluster needs are free, asked by binding them. */
import { createServer } from 'node:net';
import { SymbolonError } from '../../wire/errors/index.ts';
import { errorCode } from './files.ts';
import { portsFrom } from './layout.ts';

/** Whether a loopback port is taken. */
export function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (errorCode(error) === 'EADDRINUSE' || errorCode(error) === 'EACCES') {
        resolve(true);
      } else {
        reject(error);
      }
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(false);
      });
    });
  });
}

/** The ports of a cluster, with what each is for. */
export function neededPorts(
  base: number,
  nodes: readonly { readonly name: string; readonly index: number }[],
): [number, string][] {
  const ports = portsFrom(base);
  return [
    [ports.coordinator, 'the coordinator'],
    ...nodes.flatMap(({ name, index }): [number, string][] => [
      [ports.proxy(index), `the proxy of ${name}`],
      [ports.proxyHealth(index), `the health of the proxy of ${name}`],
    ]),
  ];
}

/** Refuses with the first port that is taken. Throws `cli/port-taken`. */
export async function requirePorts(wanted: readonly (readonly [number, string])[]): Promise<void> {
  for (const [port, user] of wanted) {
    if (await isTaken(port)) {
      throw new SymbolonError('cli/port-taken', { port, for: user });
    }
  }
}
