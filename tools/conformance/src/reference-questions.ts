/**
 * Puts questions to a reference server that is started for them and ended afterwards.
 *
 * Invariant: nothing is set on that server but what keeps it private (port, address, directory),
 *   so that what CONFIG GET answers are defaults; recorded-facts.ts names the exceptions.
 * Bounds: an answer is waited for `REPLY_MS_MAX`; an error reply is thrown.
 */
import { fileURLToPath } from 'node:url';
import { call } from './drivers/driver.ts';
import { openSocket } from './drivers/socket-driver.ts';
import type { Ask } from './recorded-facts.ts';
import { isNoReply, renderOutcome } from './reply-notation.ts';
import { startReference } from './server-process.ts';

const REPLY_MS_MAX = 10_000;

/** Where the answers are kept. */
export const REFERENCE_DIRECTORY = fileURLToPath(new URL('../reference', import.meta.url));

/** Starts a reference server, lets `questions` ask it, and ends it.
 * @throws {Error} when it cannot be started or answers with an error */
export async function askReference<T>(questions: (ask: Ask) => Promise<T>): Promise<T> {
  const server = await startReference();
  try {
    const connection = await openSocket(server);
    try {
      return await questions(async (...request) => {
        const reply = await call(connection, request, REPLY_MS_MAX);
        if (isNoReply(reply) || reply.kind === 'error') throw new Error(renderOutcome(reply));
        return reply;
      });
    } finally {
      connection.close();
    }
  } finally {
    await server.stop();
  }
}
