/**
 * How a command waits for keys (BLPOP, XREAD BLOCK) and is served when one of them may have
 * something: the part of its entry that waiting/ runs. The first try is the command's own. All
 * functions but `serve` change nothing, and all are asked after the command was parsed.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import type { Shard } from '../shard/shard.ts';
import type { Waiter } from '../waiting/waiter.ts';
import type { ArgFrame } from './arg-frame.hot.ts';
import type { ReplySink } from './sink.ts';

/** Most bytes that a reply has for a value beside its own: its head and its end. */
export const REPLY_VALUE_BYTES = 64;

/** As a file of commands writes it. */
export interface WaitingDefinition<Slots> {
  /** ValueType of a key that can serve it. */
  readonly type: number;
  /** The keys it waits for: its first argument that is one, and how many follow each other. */
  readonly firstKey: (frame: ArgFrame, at: Slots) => number;
  readonly keyCount: (frame: ArgFrame, at: Slots) => number;
  /** How long it waits, ms; 0 = for ever, -1 = not at all; or what is wrong with that. */
  readonly timeoutMs: (frame: ArgFrame, at: Slots) => number | ReplyError;
  /** Argument that names a key of another list that it also changes; default: there is none. */
  readonly destination?: number;
  /** True: when the key is gone, or of another type, it ends with an error. */
  readonly endsWithKey?: boolean;
  /**
   * True when the key at argument `key` keeps the command from waiting: it has something, or
   * answers an error. Default: the key exists.
   */
  readonly hasSomething?: (shard: Shard, frame: ArgFrame, key: number) => boolean;
  /**
   * False when the key at argument `key`, which exists and has the type, has nothing for it that
   * waits. Default: any key has.
   */
  readonly isServable?: (shard: Shard, frame: ArgFrame, key: number) => boolean;
  /** Writes the command's reply from the key at argument `key` alone: it was servable just now. */
  readonly serve: (
    shard: Shard, frame: ArgFrame, out: ReplySink, key: number, at: Slots,
  ) => void;
  /**
   * Most bytes of the reply that `serve` would write from the key at argument `key`, entry `ref`:
   * memory for them is kept before it takes anything. Default: 0, for what stays in the key.
   */
  readonly replyBytes?: (
    shard: Shard, frame: ArgFrame, key: number, ref: number, at: Slots,
  ) => number;
  /** Bytes for arguments that `onWait` replaces; default: none. */
  readonly spareBytes?: (frame: ArgFrame) => number;
  /** It waits from now on: arguments that mean what is there now become what they mean. */
  readonly onWait?: (shard: Shard, frame: ArgFrame, waiter: Waiter) => void;
}

/** As the table of waiters uses it. */
export interface WaitingForm {
  readonly type: number;
  readonly firstKey: (frame: ArgFrame) => number;
  readonly keyCount: (frame: ArgFrame) => number;
  readonly timeoutMs: (frame: ArgFrame) => number | ReplyError;
  /** 0 = none. */
  readonly destination: number;
  readonly endsWithKey: boolean;
  readonly hasSomething: (shard: Shard, frame: ArgFrame, key: number) => boolean;
  readonly isServable: (shard: Shard, frame: ArgFrame, key: number) => boolean;
  readonly serve: (shard: Shard, frame: ArgFrame, out: ReplySink, key: number) => void;
  readonly replyBytes: (shard: Shard, frame: ArgFrame, key: number, ref: number) => number;
  readonly spareBytes: (frame: ArgFrame) => number;
  readonly onWait: (shard: Shard, frame: ArgFrame, waiter: Waiter) => void;
}

/** The form of an entry, with its slots. */
export function waitingFormOf<Slots>(
  waiting: WaitingDefinition<Slots>, at: Slots,
): WaitingForm {
  const { firstKey, keyCount, timeoutMs, serve, replyBytes } = waiting;
  return {
    type: waiting.type,
    firstKey: (frame) => firstKey(frame, at),
    keyCount: (frame) => keyCount(frame, at),
    timeoutMs: (frame) => timeoutMs(frame, at),
    destination: waiting.destination ?? 0,
    endsWithKey: waiting.endsWithKey === true,
    hasSomething: waiting.hasSomething ?? exists,
    isServable: waiting.isServable ?? isAnyServable,
    serve: (shard, frame, out, key) => {
      serve(shard, frame, out, key, at);
    },
    replyBytes: replyBytes === undefined ? noBytes
      : (shard, frame, key, ref) => replyBytes(shard, frame, key, ref, at),
    spareBytes: waiting.spareBytes ?? noBytes,
    onWait: waiting.onWait ?? nothingToReplace,
  };
}

function exists(shard: Shard, frame: ArgFrame, key: number): boolean {
  return shard.keyspace.peek(frame, key) !== 0;
}

const isAnyServable = (): boolean => true;
const noBytes = (): number => 0;
const nothingToReplace = (): void => undefined;
