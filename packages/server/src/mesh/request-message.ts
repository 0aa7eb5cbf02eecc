/**
 * A request as a message (message-kinds.ts): which command, for whom, and its arguments.
 */
import type { ArgFrame, Command, RingWriter, Shard, WorkerMemory } from '@kora/core';
import { ClientFlag, Flag } from '@kora/core';
import type { Session } from '../session.ts';
import { TrackingMode } from '../tracking/session-tracking.ts';
import {
  BURST_REMEMBERS, BURST_TRACKS, CALL_COMMAND_BITS, CALL_NO_TOUCH, CALL_REMEMBERS, CALL_RESP3,
  CALL_TRACKS,
} from './message-kinds.ts';

/** Bytes of the body that stands for a long request. */
export const PARCEL_BODY_BYTES = 16;

/**
 * Bytes of a request's body, -1 when one of its arguments is a rope.
 * @param tracker of its client, 0 = it tracks nothing
 */
export function requestBytes(frame: ArgFrame, tracker: number): number {
  let bytes = (tracker === 0 ? 4 : 8) + frame.count * 4;
  for (let i = 0; i < frame.count; i++) {
    if (frame.isBig(i)) return -1;
    bytes += ((frame.bytes[i] ?? 0) + 3) & ~3;
  }
  return bytes;
}

/**
 * Writes the body of a request whose arguments are flat. @param word its first word in the ring
 * @param tracker as in requestBytes
 */
export function writeRequest(
  i32: Int32Array, frame: ArgFrame, out: RingWriter, word: number, tracker: number,
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
  if (tracker !== 0) words[to] = tracker;
}

/**
 * Copies a request whose arguments are flat to a block of its own, with the body that it would
 * have as a message. @returns the block, 0 = there is no memory
 */
export function copyRequest(memory: WorkerMemory, frame: ArgFrame): number {
  const { i32, kernel, lowAllocator } = memory;
  const { count } = frame;
  const ref = lowAllocator.alloc(requestBytes(frame, 0));
  if (ref === 0) return 0;
  const word = ref * 2;
  i32[word] = count;
  let to = ref * 8 + 4 + count * 4;
  for (let i = 0; i < count; i++) {
    const bytes = frame.bytes[i] ?? 0;
    i32[word + 1 + i] = bytes;
    kernel.copy(to, frame.at[i] ?? 0, bytes);
    to += (bytes + 3) & ~3;
  }
  return ref;
}

/** The words of a request that say which command it is, and for whom. */
export function callOf(session: Session, command: Command): number {
  return callFor(session, command, session.db, (session.flags & ClientFlag.NoTouch) !== 0);
}

/** As callOf, in another database, and touching keys or not. */
export function callFor(
  session: Session, command: Command, db: number, isNoTouch: boolean,
): number {
  const tracks = session.tracker === 0 ? 0 : trackingOf(session, command);
  return command.index | callerOf(session, db, isNoTouch) | tracks;
}

/** The part of a call that is the same for all commands of a session that tracks no keys. */
export function callBaseOf(session: Session): number {
  return callerOf(session, session.db, (session.flags & ClientFlag.NoTouch) !== 0);
}

function callerOf(session: Session, db: number, isNoTouch: boolean): number {
  const noTouch = isNoTouch ? CALL_NO_TOUCH : 0;
  const resp3 = session.resp === 3 ? CALL_RESP3 : 0;
  return (db << CALL_COMMAND_BITS) | resp3 | noTouch;
}

/** What a call says of a client that tracks keys. */
function trackingOf(session: Session, command: Command): number {
  const isRemembered = (session.flags & ClientFlag.Tracks) !== 0 &&
    (command.flags & Flag.ReadOnly) !== 0;
  return isRemembered ? CALL_TRACKS | CALL_REMEMBERS : CALL_TRACKS;
}

/** What the header of a burst says of a client that tracks keys. */
export function burstTrackingOf({ flags, tracker }: Session): number {
  if (tracker === 0) return 0;
  return (flags & ClientFlag.Tracks) === 0 ? BURST_TRACKS : BURST_TRACKS | BURST_REMEMBERS;
}

/**
 * What a call says beside, of a command behind CLIENT CACHING in one EXEC: what it reads is
 * remembered whatever was said, for a client that hears of a key too much does nothing wrong.
 */
export function rememberedCall({ tracking }: Session, { flags }: Command): number {
  if (tracking === null || tracking.has(TrackingMode.Broadcast)) return 0;
  return (flags & Flag.ReadOnly) === 0 ? 0 : CALL_REMEMBERS;
}

/** True for commands that keep their order among those of a connection: what they do is seen. */
export function isInOrder({ flags }: Command): boolean {
  return (flags & (Flag.Write | Flag.PubSub)) !== 0;
}

/** Nobody takes the ropes of the frame any more: they are freed. */
export function freeRopes({ ropes }: Shard, frame: ArgFrame): void {
  for (let i = 0; i < frame.count; i++) if (frame.isBig(i)) ropes.free(frame.takeRope(i));
}
