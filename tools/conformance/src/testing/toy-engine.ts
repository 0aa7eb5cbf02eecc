/**
 * A toy engine for tests of the judge: a map of strings that answers a few commands, so that
 * what a run must say is known beforehand. It has no sockets and nothing of Kora in it.
 *
 * Commands: FLUSHALL, SET, GET, CONFIG GET/SET (one settings table), BOOM (throws something that
 *   is no reply error); everything else is an unknown command.
 */
import type { EmbeddedEngine, EmbeddedSession } from '../drivers/embedded-driver.ts';

export interface ToyEngine extends EmbeddedEngine {
  /** Requests in the order of their arrival, words joined by spaces. */
  readonly requests: string[];
}

class ReplyError extends Error {
  override readonly name = 'ReplyError';
}

export function toyEngine(): ToyEngine {
  const requests: string[] = [];
  const store = new Map<string, string>();
  const settings = new Map([['hz', '10']]);
  const session: EmbeddedSession = {
    call(...requestArguments) {
      const words = requestArguments.map((word) =>
        typeof word === 'string' ? word : Buffer.from(word).toString('latin1'),
      );
      requests.push(words.join(' '));
      return answer(words, store, settings);
    },
  };
  return { requests, connection: () => session, close: () => undefined };
}

function answer(
  words: readonly string[],
  store: Map<string, string>,
  settings: Map<string, string>,
): unknown {
  const [command = '', first = '', second = '', third = ''] = words;
  switch (command) {
    case 'FLUSHALL':
      store.clear();
      return 'OK';
    case 'SET':
      store.set(first, second);
      return 'OK';
    case 'GET':
      return store.get(first) ?? null;
    case 'CONFIG':
      if (first === 'GET') return new Map([[second, settings.get(second) ?? '']]);
      settings.set(second, third);
      return 'OK';
    case 'BOOM':
      throw new TypeError('broken');
    default:
      throw new ReplyError(`ERR unknown command '${command}'`);
  }
}
