/**
 * A connection that gives replies as the bytes they came in: the sharpest comparison there is.
 *
 * Invariants: one text (latin1) per reply, in order; a reply is given when all of it has come.
 *   Where a reply ends does not depend on the protocol in force, so nothing here follows HELLO.
 * Bounds: every wait has a limit. Cost: a reply that comes in k pieces is scanned k times.
 * Source: the RESP3 specification (github.com/redis/redis-specifications).
 */
import net from 'node:net';
import { encodeRequest, type SocketTarget } from '../drivers/socket-driver.ts';

const CONNECT_MS_MAX = 3_000;
const COUNTED_SIGNS = '*~>%|';
const SIZED_SIGNS = '$=!';
const LINE_SIGNS = '+-:,#(_';

/** How a wait for replies ended. */
export type Ending = 'complete' | 'closed' | 'silent' | 'unreadable';

export interface Received {
  readonly replies: readonly string[];
  readonly ending: Ending;
}

/** Opens a connection.
 * @throws {Error} when it cannot be had within the time limit */
export function openRaw(target: SocketTarget): Promise<RawConnection> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: target.host, port: target.port, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no connection to port ${target.port}`));
    }, CONNECT_MS_MAX);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(new RawConnection(socket));
    });
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

export class RawConnection {
  readonly #socket: net.Socket;
  #pieces: Buffer[] = [];
  #wake: (() => void) | undefined = undefined;
  #isClosed = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#wake?.();
    });
    const finish = (): void => {
      this.#isClosed = true;
      this.#wake?.();
    };
    socket.on('end', finish);
    socket.on('close', finish);
    socket.on('error', finish);
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#socket.destroy();
  }

  sendRaw(bytes: string): void {
    if (!this.#isClosed) this.#socket.write(Buffer.from(bytes, 'latin1'));
  }

  send(requests: readonly (readonly string[])[]): void {
    this.sendRaw(requests.map(encodeRequest).join(''));
  }

  /** Replies until one is the marker (which is left out), the end, or the time.
   * @param marker the whole reply, or what tells it
   * @param silenceMsMax gives up when nothing has come for so long */
  async until(
    marker: string | ((reply: string) => boolean), silenceMsMax: number,
  ): Promise<Received> {
    const isMarker = typeof marker === 'string'
      ? (reply: string): boolean => reply === marker : marker;
    const replies: string[] = [];
    for (;;) {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      let at = 0;
      while (bytes !== undefined && at < bytes.length) {
        const end = replyEnd(bytes, at);
        if (end === UNREADABLE) return { replies, ending: 'unreadable' };
        if (end === INCOMPLETE) break;
        const reply = bytes.toString('latin1', at, end);
        at = end;
        if (isMarker(reply)) {
          this.#pieces = [bytes.subarray(at)];
          return { replies, ending: 'complete' };
        }
        replies.push(reply);
      }
      this.#pieces = bytes === undefined ? [] : [bytes.subarray(at)];
      if (this.#isClosed) return { replies, ending: 'closed' };
      if (!(await this.#arrival(silenceMsMax))) return { replies, ending: 'silent' };
    }
  }

  /** True when a piece or the end has come within the time. */
  #arrival(msMax: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (hasArrived: boolean): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(hasArrived);
      };
      const timer = setTimeout(settle, msMax, false);
      this.#wake = () => {
        settle(true);
      };
    });
  }
}

const INCOMPLETE = -1;
const UNREADABLE = -2;

/** Index after the reply that starts at `from`, or INCOMPLETE, or UNREADABLE. */
function replyEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (let missing = 1; missing > 0; missing -= 1) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd < 0) return INCOMPLETE;
    const sign = String.fromCharCode(bytes[at] ?? 0);
    const count = Number(bytes.toString('latin1', at + 1, lineEnd));
    at = lineEnd + 2;
    if (LINE_SIGNS.includes(sign)) continue;
    if (!Number.isInteger(count)) return UNREADABLE;
    if (SIZED_SIGNS.includes(sign)) {
      if (count >= 0) at += count + 2;
      if (at > bytes.length) return INCOMPLETE;
    } else if (COUNTED_SIGNS.includes(sign)) {
      if (count > 0) missing += sign === '%' || sign === '|' ? count * 2 : count;
      if (sign === '|') missing += 1; // an attribute stands before the reply that it is about
    } else return UNREADABLE;
  }
  return at;
}
