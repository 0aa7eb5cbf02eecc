/**
 * `kora serve`: a server from its start to its end in this process. One line when it is ready;
 * SIGTERM and
 * SIGINT end it in order in less than a second, a second signal at once. What cannot be started is
 * one line on stderr and exit code 1.
 */
import { KORA_VERSION } from '@kora/core/control';
import { createServer, resolveOptions } from '@kora/server';
import type { ConfigEntry, KoraServer, ServerAddress } from '@kora/server';
import { endWith, oneLineOf } from './ending.ts';
import { widenInlining } from './inlining-room.ts';

/** An orderly end takes less than this, or the process ends without it. */
const END_MS_MAX = 900;
/** The same where a log is made durable first. */
const END_LOG_MS_MAX = 11_000;
const FAILED = 1;

/** Starts a server; the process ends when the server does.
 * @throws {Fault} (rejects) when options are bad or an address cannot be had */
export async function serve(
  flags: readonly ConfigEntry[], configFile: string | undefined,
): Promise<void> {
  const options = resolveOptions({
    flags, directory: process.cwd(), ...(configFile === undefined ? {} : { configFile }),
  });
  widenInlining();
  const server = createServer(options);
  endOnSignals(server);
  const address = await server.start();
  const { workers = 1 } = options;
  process.stdout.write(`${readyLine(address, workers, server.directory)}\n`);
  server.closed.then(
    () => {
      endWith(0);
    },
    (cause: unknown) => {
      process.stderr.write(`kora: ${oneLineOf(cause)}\n`);
      endWith(FAILED);
    },
  );
}

/** What is said when clients may come. */
export function readyLine(
  address: ServerAddress, workers: number, directory: string | null,
): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const kept = directory === null ? 'memory only' : `data in ${directory}`;
  const facts = `(io ${address.io}, ${workers} worker${workers === 1 ? '' : 's'}, ${kept})`;
  const unix = address.unixSocket === undefined ? '' : `unix ${address.unixSocket}`;
  const ready = `kora ${KORA_VERSION} ready on`;
  if (address.host === '') return `${ready} ${unix} ${facts}`;
  return `${ready} ${host}:${address.port} ${facts}${unix === '' ? '' : `, ${unix}`}`;
}

function endOnSignals(server: KoraServer): void {
  let isEnding = false;
  const end = (): void => {
    if (isEnding) endWith(FAILED); // A second signal does not wait for an orderly end.
    isEnding = true;
    setTimeout(() => {
      endWith(0);
    }, server.directory === null ? END_MS_MAX : END_LOG_MS_MAX).unref();
    void server.close().then(() => {
      endWith(0);
    });
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}
