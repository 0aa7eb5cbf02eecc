/**
 * Two servers that are asked the same, connection by connection.
 *
 * Invariants: both sides of a connection have been sent the same bytes since it was opened; after
 *   an exchange no reply is left unread. A connection that ended on one side is ended on both.
 */
import { encodeRequest, type SocketTarget } from '../drivers/socket-driver.ts';
import type { Protocol } from '../drivers/driver.ts';
import { CONNECTION_COUNT } from './stream.ts';
import { openRaw, type RawConnection, type Received } from './raw-connection.ts';

const SILENCE_MS_MAX = 3_000;

interface Sides<Item> {
  readonly kora: Item;
  readonly reference: Item;
}
export type Both = Sides<Received>;

export class ServerPair {
  readonly #targets: Sides<SocketTarget>;
  readonly #connections: (Sides<RawConnection> | undefined)[] = [];
  #protocol: Protocol = '2';
  #markers = 0;

  constructor(kora: SocketTarget, reference: SocketTarget) {
    this.#targets = { kora, reference };
  }

  /** Ends all connections; later ones speak `protocol` from their start. */
  restart(protocol: Protocol): void {
    this.#protocol = protocol;
    for (let index = 0; index < CONNECTION_COUNT; index += 1) this.drop(index);
  }

  /** Ends the connection on both sides; the next exchange opens a new one. */
  drop(index: number): void {
    const sides = this.#connections[index];
    sides?.kora.close();
    sides?.reference.close();
    this.#connections[index] = undefined;
  }

  /** Sends the same requests to both and collects the replies of each. */
  async exchange(index: number, requests: readonly (readonly string[])[]): Promise<Both> {
    return this.exchangeRaw(index, requests.map(encodeRequest).join(''), SILENCE_MS_MAX);
  }

  /** Sends the same bytes to both; silence of `silenceMsMax` ends the wait. */
  async exchangeRaw(index: number, bytes: string, silenceMsMax: number): Promise<Both> {
    return this.exchangeEach(index, { kora: bytes, reference: bytes }, silenceMsMax);
  }

  /** Sends each side its own bytes. */
  async exchangeEach(
    index: number,
    bytes: Sides<string>,
    silenceMsMax = SILENCE_MS_MAX,
  ): Promise<Both> {
    this.#markers += 1;
    const text = `kora-marker-${this.#markers}`;
    const marker = `$${text.length}\r\n${text}\r\n`;
    const question = encodeRequest(['ECHO', text]);
    const marked = { kora: bytes.kora + question, reference: bytes.reference + question };
    return this.#sendAndCollect(index, marked, marker, silenceMsMax);
  }

  /** Sends bytes that nothing follows; silence ends the wait unless a server ends it. */
  async exchangeUnmarked(index: number, bytes: string, silenceMsMax: number): Promise<Both> {
    return this.#sendAndCollect(index, { kora: bytes, reference: bytes }, '', silenceMsMax);
  }

  async #sendAndCollect(
    index: number,
    bytes: Sides<string>,
    marker: string,
    silenceMsMax: number,
  ): Promise<Both> {
    const { kora, reference } = await this.#opened(index);
    kora.sendRaw(bytes.kora);
    reference.sendRaw(bytes.reference);
    const [koraReceived, referenceReceived] = await Promise.all([
      kora.until(marker, silenceMsMax),
      reference.until(marker, silenceMsMax),
    ]);
    const isOver =
      koraReceived.ending !== 'complete' || referenceReceived.ending !== 'complete' ||
      kora.isClosed() || reference.isClosed();
    if (isOver) this.drop(index);
    return { kora: koraReceived, reference: referenceReceived };
  }

  async #opened(index: number): Promise<Sides<RawConnection>> {
    const present = this.#connections[index];
    if (present !== undefined && !present.kora.isClosed() && !present.reference.isClosed()) {
      return present;
    }
    this.drop(index);
    const [kora, reference] = await Promise.all([
      openRaw(this.#targets.kora), openRaw(this.#targets.reference),
    ]);
    const sides = { kora, reference };
    this.#connections[index] = sides;
    if (this.#protocol === '3') await this.exchange(index, [['HELLO', '3']]);
    return sides;
  }
}
