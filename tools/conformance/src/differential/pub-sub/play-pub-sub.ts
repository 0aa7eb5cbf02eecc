/**
 * Plays the steps of a stream on two servers, connection by connection, and compares what every
 * connection was told after each step. A message may take a moment longer than the reply to its
 * PUBLISH (several workers), so what differs is looked at again until it stays different.
 */
import type { SocketTarget } from '../../drivers/socket-driver.ts';
import type { RawConnection } from '../raw-connection.ts';
import { openRaw } from '../raw-connection.ts';
import { CONNECTION_COUNT, inOneOrder } from './pub-sub-stream.ts';
import type { Step } from './pub-sub-stream.ts';

const SILENCE_MS_MAX = 5_000;
/** How long a difference may last. */
const LATE_MS_MAX = 1_000;

/** The connections of a stream to one server, and what they have been told and nobody compared. */
class Side {
  readonly #connections: readonly RawConnection[];
  told: string[][] = [];
  #marks = 0;

  private constructor(connections: readonly RawConnection[]) {
    this.#connections = connections;
    this.forget();
  }

  static async open(target: SocketTarget): Promise<Side> {
    const opening = Array.from({ length: CONNECTION_COUNT }, () => openRaw(target));
    const side = new Side(await Promise.all(opening));
    await side.#untilNobodySubscribes();
    return side;
  }

  /** Waits for the ends of connections that another stream has closed. */
  async #untilNobodySubscribes(): Promise<void> {
    const endMs = performance.now() + LATE_MS_MAX;
    const looks = [['PUBSUB', 'NUMPAT'], ['PUBSUB', 'CHANNELS'], ['PUBSUB', 'SHARDCHANNELS']];
    do {
      this.forget();
      this.send({ connection: 0, requests: looks });
      await this.read();
    } while (this.told[0]?.join('') !== ':0\r\n*0\r\n*0\r\n' && performance.now() < endMs);
    this.forget();
  }

  send({ connection, requests }: Step): void {
    this.#connections[connection]?.send(requests);
  }

  /** Reads what every connection has been told up to now. */
  async read(): Promise<void> {
    const mark = `mark ${this.#marks++}`;
    const isMark = (reply: string): boolean => reply.endsWith(`$${mark.length}\r\n${mark}\r\n`);
    for (const [i, connection] of this.#connections.entries()) {
      connection.send([['PING', mark]]);
      const { replies, ending } = await connection.until(isMark, SILENCE_MS_MAX);
      this.told[i]?.push(...replies);
      if (ending !== 'complete') this.told[i]?.push(`connection ${ending}`);
    }
  }

  /** What was told has been compared. */
  forget(): void {
    this.told = this.#connections.map(() => []);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** The versions that HELLO tells of are not the same. */
function comparable(told: readonly (readonly string[])[]): string[][] {
  return told.map((replies) => inOneOrder(replies).map((reply) =>
    (/^[%*]\d+\r\n\$6\r\nserver/.test(reply) ? `${reply[0]} greeting` : reply)));
}

/**
 * Plays the steps on both servers.
 * @returns what differs, undefined when nothing does
 */
export async function differenceOf(
  steps: readonly Step[], reference: SocketTarget, kora: SocketTarget,
): Promise<string | undefined> {
  const [wanted, given] = await Promise.all([Side.open(reference), Side.open(kora)]);
  try {
    for (const [i, step] of steps.entries()) {
      wanted.send(step);
      given.send(step);
      await Promise.all([wanted.read(), given.read()]);
      const endMs = performance.now() + LATE_MS_MAX;
      const isSame = (): boolean =>
        JSON.stringify(comparable(wanted.told)) === JSON.stringify(comparable(given.told));
      while (!isSame() && performance.now() < endMs) await given.read();
      if (!isSame()) {
        const before = steps.slice(0, i + 1).map((one) => JSON.stringify(one)).join('\n');
        return `${before}\nreference ${JSON.stringify(comparable(wanted.told))}\n` +
          `kora      ${JSON.stringify(comparable(given.told))}`;
      }
      wanted.forget();
      given.forget();
    }
  } finally {
    wanted.close();
    given.close();
  }
  return undefined;
}
