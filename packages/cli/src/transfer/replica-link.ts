/**
 * The source's side of acting as a replica: asks for everything (PSYNC ? -1), gives the bytes of
 * the dump, then those of the commands that follow. Acknowledges once a second, as a master wants
 * of its replicas: with empty lines while the dump is being taken, by offset afterwards.
 *
 *   open -> fullSync -> read until the dump has ended -> endOfDump -> follow -> read ... -> close
 *   open -> resume -> follow -> read ... -> close
 *
 * Invariants: bytes are read only when asked for, so a slow target holds the source; the offset
 *   acknowledged never passes what the target has taken.
 * Bounds: a source from which nothing comes for SILENT_SECONDS_MAX is gone; a living one sends
 *   something every ten seconds at least, and empty lines while it prepares a dump.
 */
import type { Socket } from 'node:net';
import { Fault } from '@kora/core/control';
import { encodeRequest } from '@kora/protocol';
import type { RequestArgument } from '@kora/protocol';
import { connectTo, refusal } from './server-link.ts';
import type { ServerUrl } from './server-url.ts';

/** The start of a full sync. */
export interface FullSync {
  readonly replicationId: string;
  /** Offset of the first byte that follows the dump. */
  readonly offset: number;
  /** Length of the dump; -1 = it ends with `mark`. */
  readonly dumpBytes: number;
  readonly mark: Uint8Array;
}

const TICK_MS = 1000;
const SILENT_SECONDS_MAX = 60;
const LINE_BYTES_MAX = 4096;
const LF = 0x0a;

export class ReplicaLink {
  readonly #socket: Socket;
  readonly #shown: string;
  readonly #chunks: AsyncIterator<Buffer>;
  /** Came, but was not read yet. */
  #rest: Uint8Array = new Uint8Array(0);
  readonly #timer: NodeJS.Timeout;
  readonly #silentSecondsMax: number;
  /** Seconds that the read under way has waited; -1 = none is. */
  #silentSeconds = -1;
  #isAcknowledging = false;
  #isInDump = true;
  #taken: () => number = () => 0;

  private constructor(socket: Socket, shown: string, silentSecondsMax: number) {
    this.#socket = socket;
    this.#shown = shown;
    this.#silentSecondsMax = silentSecondsMax;
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    // The iterator tells of errors; a later one must not end the process.
    socket.on('error', () => undefined);
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Connects, authenticates, and says what this replica understands.
   * @param silentSecondsMax how long nothing may come before the source counts as gone
   * @throws {Fault} (rejects) `TRANSFER_FAILED` */
  static async open(
    url: ServerUrl, silentSecondsMax: number = SILENT_SECONDS_MAX,
  ): Promise<ReplicaLink> {
    const link = new ReplicaLink(await connectTo(url), url.shown, silentSecondsMax);
    try {
      if (url.password !== undefined) {
        await link.#demand('AUTH', ...(url.username === undefined ? [] : [url.username]),
          url.password);
      }
      await link.#demand('PING');
      await link.#demand('REPLCONF', 'capa', 'eof', 'capa', 'psync2');
    } catch (cause) {
      link.close();
      throw cause;
    }
    return link;
  }

  /** Asks for everything, and reads up to the first byte of the dump.
   * @throws {Fault} (rejects) `TRANSFER_FAILED` when the source does not give it */
  async fullSync(): Promise<FullSync> {
    this.#write('PSYNC', '?', '-1');
    const answer = await this.#lineWithText();
    const [, replicationId = '', offset = ''] = /^\+FULLRESYNC (\S+) (\d+)$/.exec(answer) ?? [];
    if (replicationId === '') {
      throw new Fault('TRANSFER_FAILED', `${this.#shown} does not give its data: ${answer}`);
    }
    const header = await this.#lineWithText();
    const [, length, mark = ''] = /^\$(?:(\d+)|EOF:(.{40}))$/.exec(header) ?? [];
    if (length === undefined && mark === '') {
      throw new Fault('TRANSFER_FAILED', `${this.#shown} sends no dump: ${header}`);
    }
    // Not before: a source that waits for more replicas waits for us to be silent a while.
    this.#isAcknowledging = true;
    return {
      replicationId, offset: Number(offset),
      dumpBytes: length === undefined ? -1 : Number(length), mark: Buffer.from(mark, 'latin1'),
    };
  }

  /**
   * Asks for what follows an offset, as a replica does whose connection was lost; then reads on
   * there. @param offset behind the last byte that was taken
   * @returns the replication ID from now on
   * @throws {Fault} (rejects) `TRANSFER_FAILED` when the source does not have it any more
   */
  async resume(replicationId: string, offset: number): Promise<string> {
    this.#write('PSYNC', replicationId, String(offset + 1));
    const answer = await this.#lineWithText();
    const [isContinued, idFromNowOn] = /^\+CONTINUE(?: (\S+))?$/.exec(answer) ?? [];
    if (isContinued !== undefined) return idFromNowOn ?? replicationId;
    throw new Fault('TRANSFER_FAILED', `${this.#shown} does not have any more what was missed ` +
      `while the connection was lost (${answer}); start again with --flush`);
  }

  /** The next bytes, as many as there are. @throws {Fault} (rejects) when the source is gone */
  async read(): Promise<Uint8Array> {
    if (this.#rest.length > 0) {
      const rest = this.#rest;
      this.#rest = new Uint8Array(0);
      return rest;
    }
    this.#silentSeconds = 0;
    try {
      const step = await this.#chunks.next();
      if (step.done !== true) return step.value;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Fault('TRANSFER_FAILED', `${this.#shown}: ${message}`, { cause });
    } finally {
      this.#silentSeconds = -1;
    }
    throw new Fault('TRANSFER_FAILED', `${this.#shown} closed the connection`);
  }

  /** The dump has ended; `rest` came behind it and is read next. */
  endOfDump(rest: Uint8Array): void {
    this.#rest = rest;
  }

  /** From now on offsets are acknowledged; a source that waits for that sends its commands.
   * @param taken tells the offset up to which the target has taken everything */
  follow(taken: () => number): void {
    this.#isInDump = false;
    this.#taken = taken;
    this.#isAcknowledging = true;
    this.#acknowledge();
  }

  /** Tells the source at once how far the target is. */
  acknowledgeNow(): void {
    this.#acknowledge();
  }

  /** Ends the connection. */
  close(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #tick(): void {
    if (this.#silentSeconds >= 0 && ++this.#silentSeconds > this.#silentSecondsMax) {
      this.#socket.destroy(new Error(`nothing came for ${this.#silentSecondsMax} seconds`));
    } else if (this.#isAcknowledging) {
      this.#acknowledge();
    }
  }

  #acknowledge(): void {
    if (this.#isInDump) this.#socket.write('\n');
    else this.#write('REPLCONF', 'ACK', String(this.#taken()));
  }

  #write(...args: readonly RequestArgument[]): void {
    this.#socket.write(encodeRequest(args));
  }

  async #demand(...args: readonly string[]): Promise<void> {
    this.#write(...args);
    const answer = await this.#lineWithText();
    if (answer.startsWith('+')) return;
    throw refusal(this.#shown, String(args[0]), answer.replace(/^-/, ''));
  }

  /** The next line that is not empty: a master sends empty ones while it prepares the dump. */
  async #lineWithText(): Promise<string> {
    for (;;) {
      const line = await this.#line();
      if (line !== '') return line;
    }
  }

  async #line(): Promise<string> {
    let bytes = new Uint8Array(0);
    for (;;) {
      const chunk = await this.read();
      const end = chunk.indexOf(LF);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      const joined = new Uint8Array(bytes.length + part.length);
      joined.set(bytes);
      joined.set(part, bytes.length);
      bytes = joined;
      if (bytes.length > LINE_BYTES_MAX) {
        throw new Fault('TRANSFER_FAILED', `${this.#shown} does not speak Redis's protocol`);
      }
      if (end < 0) continue;
      this.#rest = chunk.subarray(end + 1);
      return Buffer.from(bytes).toString('latin1').replace(/\r$/, '');
    }
  }
}
