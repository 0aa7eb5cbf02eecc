/**
 * A request as a message (message-kinds.ts): which command, for whom, and its arguments.
 */
import type { ArgFrame, Command, RingWriter } from '@kora/core';
import { ClientFlag } from '@kora/core';
import type { Session } from '../session.ts';
import { CALL_COMMAND_BITS, CALL_NO_TOUCH, CALL_RESP3 } from './message-kinds.ts';

/** Bytes of a request's body, -1 when one of its arguments is a rope. */
export function requestBytes(frame: ArgFrame): number {
  let bytes = 4 + frame.count * 4;
  for (let i = 0; i < frame.count; i++) {
    if (frame.isBig(i)) return -1;
    bytes += ((frame.bytes[i] ?? 0) + 3) & ~3;
  }
  return bytes;
}

/** Writes the body of a request whose arguments are flat. @param word its first word in the ring */
export function writeRequest(
  i32: Int32Array, frame: ArgFrame, out: RingWriter, word: number,
): void {
  const { words } = out;
  const { count } = frame;
  words[word] = count;
  let to = word + 1 + count;
  for (let i = 0; i < count; i++) {
    const bytes = frame.bytes[i] ?? 0;
    words[word + 1 + i] = bytes;
    out.copyFrom(i32, frame.at[i] ?? 0, to, bytes);
    to += (bytes + 3) >>> 2;
  }
}

/** The words of a request that say which command it is, and for whom. */
export function callOf(session: Session, command: Command): number {
  return callFor(session, command, session.db, (session.flags & ClientFlag.NoTouch) !== 0);
}

/** As callOf, in another database, and touching keys or not. */
export function callFor(
  session: Session, command: Command, db: number, isNoTouch: boolean,
): number {
  const noTouch = isNoTouch ? CALL_NO_TOUCH : 0;
  const resp3 = session.resp === 3 ? CALL_RESP3 : 0;
  return command.index | (db << CALL_COMMAND_BITS) | resp3 | noTouch;
}
