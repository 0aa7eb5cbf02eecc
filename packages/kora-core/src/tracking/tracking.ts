/**
 * CLIENT TRACKING on one shard: reads of clients that keep what they read are noted
 * (tracking-table.ts), and the journal's changes become invalidations. Whom to tell and how is the
 * host's affair, who knows connections; a shard without a host tracks nothing.
 *
 * A change is told when it is announced: once to each reader of the key, who is forgotten with it.
 *   What a flush or SWAPDB means for single keys is not looked for: the host tells everybody that
 *   all is void.
 * Keys beyond tracking-table-max-keys are forgotten at random, and their readers told.
 * Cost: nothing while no client tracks; then a lookup in the table for every key that is changed,
 *   or read by a client that tracks. Source: the rules are those of redis-server 7.0.
 */
import { slotOfKey } from '../bytes/crc16.hot.ts';
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { findKeys, indexNameBytes } from '../command/key-spec.ts';
import type { Command } from '../command/spec.ts';
import { echoText } from '../errors/reply-error.ts';
import type { Effect } from '../keyspace/effect.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { TRACKED_KEYS_EVICTED_MAX } from '../limits.ts';
import { Attention } from '../shard/attention.ts';
import type { Shard } from '../shard/shard.ts';
import { slotOwners } from '../shard/slot-map.ts';
import { entryKeyAt, entryKeyBytes } from '../structs/entry.hot.ts';
import { Noted, TrackingTable } from './tracking-table.ts';

/** Who tells clients. Calls come in the middle of commands: it changes no data. */
export interface TrackingHost {
  /**
   * A key has changed that these have read, or has to be forgotten.
   * @param readers valid during the call
   * @param keyAt byte of the worker memory, during the call
   * @param writer who has changed it, as a reader; 0 = a client that does not track, or nobody
   */
  invalidate(readers: readonly number[], keyAt: number, keyBytes: number, writer: number): void;
  /** A key has changed; told while the host hears all changes. */
  onChange(keyAt: number, keyBytes: number, writer: number): void;
  /** Many keys have changed at once, which nobody counts. */
  onFlush(writer: number): void;
  /** A reply is about to leave that may tell of changes; called while the host hears all. */
  beforeReply(): void;
}

export class Tracking {
  readonly table: TrackingTable;
  /** The client whose command runs, as a reader; 0 = it does not track, or nobody's runs. */
  writer = 0;
  readonly #shard: Shard;
  /** Shard of each slot; null where there is but one. */
  readonly #owners: Uint8Array | null;
  /** Most keys that are tracked; 0 = any number. */
  #keyCountMax = 0;
  #host: TrackingHost | null = null;
  #hearsFlushes = false;
  #hearsAll = false;
  /** 1 for commands whose only key is argument 1, by index. */
  #hasOneKey = new Uint8Array(0);
  readonly #readers: number[] = [];
  readonly #keys: number[] = [];
  #stopListening: (() => void) | null = null;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.table = new TrackingTable(shard);
    this.#owners = shard.count > 1 ? slotOwners(shard.count) : null;
  }

  /** Called once, by the host. @param commands of the registry, by their index */
  attach(host: TrackingHost, commands: readonly Command[]): void {
    this.#host = host;
    this.#hasOneKey = Uint8Array.from(commands, (one) => (hasOneKey(one.definition) ? 1 : 0));
  }

  /** From now on at most so many keys are tracked; 0 = any number. */
  limit(keyCountMax: number): void {
    this.#keyCountMax = keyCountMax;
    if (this.#isOverLimit()) this.#shard.platform.scheduler.requestTurn();
  }

  #isOverLimit(): boolean {
    return this.#keyCountMax !== 0 && this.table.keyCount > this.#keyCountMax;
  }

  /**
   * What the host wants to hear of beside keys that were read.
   * @param flushes it has clients that track; @param all somebody subscribed to prefixes
   */
  hear(flushes: boolean, all: boolean): void {
    this.#hearsFlushes = flushes;
    this.#hearsAll = all;
    this.#listen();
  }

  /** A reply to another worker, or to a connection, is about to leave. */
  beforeReply(): void {
    if (this.#hearsAll) this.#host?.beforeReply();
  }

  #listen(): void {
    const mustHear = this.#hearsFlushes || this.#hearsAll || this.table.keyCount > 0;
    this.#shard.attend(Attention.Tracking, mustHear);
    if (!mustHear) {
      this.#stopListening?.();
      this.#stopListening = null;
      return;
    }
    this.#stopListening ??= this.#shard.journal.listenToKeys((effect) => {
      this.#onEffect(effect);
    });
  }

  // ------------------------------------------------------------------ reads

  /** The frame's command has read its keys for a client that tracks them. */
  remember(command: Command, frame: ArgFrame): void {
    const reader = frame.client.tracker;
    if (this.#host === null || reader === 0) return;
    if (this.#hasOneKey[command.index] === 1) {
      this.#rememberOne(frame, reader);
      return;
    }
    const { keys } = command.definition;
    const count = findKeys(keys, frame.count, (i) => argumentText(frame, i), this.#keys);
    if (count <= 0) return;
    const namesIndex = keys[0]?.namesIndex === true;
    for (const i of this.#keys) {
      const at = frame.at[i] ?? 0;
      const bytes = frame.bytes[i] ?? 0;
      const { low } = frame.memory;
      this.note(at, namesIndex ? indexNameBytes(low, at, bytes) : bytes, reader);
    }
  }

  /** Argument 1 is the key; a pipeline has looked it up together with others. */
  #rememberOne(frame: ArgFrame, reader: number): void {
    const keyAt = frame.at[1] ?? 0;
    const keyBytes = frame.bytes[1] ?? 0;
    if (frame.warmed === 0) {
      this.note(keyAt, keyBytes, reader);
      return;
    }
    const noted = this.table.noteAhead(keyAt, keyBytes, frame.keyHash, reader);
    if (noted !== Noted.Already) this.#settle(noted, keyAt, keyBytes, reader);
  }

  /**
   * A key was read for a client that tracks what it reads. A key of another shard, which is
   * borrowed while a command runs, is noted there. @param keyAt byte of low memory
   */
  note(keyAt: number, keyBytes: number, reader: number): void {
    const { index, memory } = this.#shard;
    if (this.#owners !== null && this.#owners[slotOfKey(memory.low, keyAt, keyBytes)] !== index) {
      return;
    }
    const noted = this.table.note(keyAt, keyBytes, reader);
    if (noted !== Noted.Already) this.#settle(noted, keyAt, keyBytes, reader);
  }

  /** What follows from a key that was noted, or could not be. */
  #settle(first: number, keyAt: number, keyBytes: number, reader: number): void {
    let noted = first;
    if (noted === Noted.Crowded) {
      this.#invalidate(keyAt, keyBytes, 0);
      noted = this.table.note(keyAt, keyBytes, reader);
    }
    if (noted !== Noted.Yes) this.#host?.invalidate([reader], keyAt, keyBytes, 0);
    this.#listen();
    this.#bound();
  }

  /** Forgets keys while there are more than may be, a bounded number. */
  #bound(): void {
    for (let i = 0; i < TRACKED_KEYS_EVICTED_MAX && this.#isOverLimit(); i++) {
      const entry = this.table.randomEntry();
      const { i32 } = this.#shard.memory;
      this.#invalidate(entryKeyAt(i32, entry), entryKeyBytes(i32, entry), 0);
    }
  }

  /** A slice of background work; true when more waits. */
  step(): boolean {
    const hasMore = this.table.step();
    this.#bound();
    return this.#isOverLimit() || hasMore;
  }

  // ------------------------------------------------------------------ changes

  #onEffect(effect: Effect): void {
    const { op, event, keyAt, keyBytes } = effect;
    switch (op) {
      case EffectOp.DatabaseFlush:
      case EffectOp.EverythingFlush:
        return; // Told by the command, also where nothing was left to flush.
      case EffectOp.DatabaseSwap:
        this.flush();
        return;
      case EffectOp.KeyRename:
        this.#change(keyAt, keyBytes);
        this.#change(effect.otherAt, effect.otherBytes);
        return;
      case EffectOp.KeyCopy:
        this.#change(effect.otherAt, effect.otherBytes);
        return;
      case EffectOp.StringPatch:
        // Without an event only the encoding changed, or the last of its patches is to come.
        if (event !== KeyEvent.None) this.#change(keyAt, keyBytes);
        return;
      case EffectOp.StreamGroupPut:
        // It may have made the stream.
        if (event === KeyEvent.XGroupCreate) this.#change(keyAt, keyBytes);
        return;
      case EffectOp.StreamSetId:
      case EffectOp.StreamGroupRemove:
      case EffectOp.StreamConsumerPut:
      case EffectOp.StreamConsumerRemove:
      case EffectOp.StreamPendingPut:
      case EffectOp.StreamPendingRemove:
        return;
      default:
        this.#change(keyAt, keyBytes);
    }
  }

  #change(keyAt: number, keyBytes: number): void {
    if (this.#hearsAll) this.#host?.onChange(keyAt, keyBytes, this.writer);
    this.#invalidate(keyAt, keyBytes, this.writer);
  }

  /** Tells all who have read a key. */
  #invalidate(keyAt: number, keyBytes: number, writer: number): void {
    const readers = this.#readers;
    const entry = this.table.take(keyAt, keyBytes, readers);
    if (entry === 0) return;
    this.#host?.invalidate(readers, keyAt, keyBytes, writer);
    this.table.free(entry);
  }

  /** All keys have changed, or may have. */
  flush(): void {
    this.table.clear();
    this.#host?.onFlush(this.writer);
  }
}


function hasOneKey({ keys }: Command['definition']): boolean {
  const [spec] = keys;
  if (spec === undefined || keys.length > 1 || spec.locate !== undefined) return false;
  if (spec.namesIndex === true) return false;
  const { begin, find } = spec;
  return begin.kind === 'index' && begin.index === 1 && find.kind === 'range' && find.last === 0;
}

/** A short argument as text, for counts and keywords among key specifications. */
function argumentText(frame: ArgFrame, i: number): string {
  const at = frame.at[i] ?? -1;
  return at < 0 ? '' : echoText(frame.memory.low, at, frame.bytes[i] ?? 0);
}
