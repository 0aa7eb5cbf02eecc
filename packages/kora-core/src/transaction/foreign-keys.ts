/**
 * Keys of other shards that exist here for the length of one call, so that a command runs as if all
 * its keys were of this shard: their values are put in their places in the key space, the command
 * runs, and they are taken out again, whatever became of them. Nobody else sees them: nothing else
 * runs meanwhile, and their slots are not looked for here. Nothing of this is announced.
 *
 * What the command changes of them is caught in the journal's filter, as records for the shards
 * that own them (foreign-effects.ts). A rename or copy from a borrowed key is announced here as
 * what it is for this shard: the new value of the key that it went to.
 *
 * Invariant: `open` ... `close` frame one call without maintenance; the records outlive `close`.
 * Cost: O(bytes of the values), O(borrowed keys) a change.
 */
import { assert } from '../assert.ts';
import type { Effect } from '../keyspace/effect.ts';
import { EffectOp } from '../keyspace/effect.ts';
import { encodeEffect, replayEffect } from '../keyspace/effect-codec.ts';
import type { RecordWriter } from '../keyspace/effect-writer.ts';
import { KeyEvent } from '../keyspace/events.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import type { Shard } from '../shard/shard.ts';
import { describeRecord } from './foreign-effects.ts';

/** A borrowed key; its bytes are those of its record. */
interface ForeignKey {
  readonly db: number;
  readonly at: number;
  readonly bytes: number;
}

export class ForeignKeys {
  readonly #shard: Shard;
  readonly #keys: ForeignKey[] = [];
  readonly #filter: (effect: Effect) => boolean;

  /** @param writerFor where changes of a borrowed key go; `keyAt` is a byte of low memory */
  constructor(shard: Shard, writerFor: (keyAt: number, keyBytes: number) => RecordWriter) {
    this.#shard = shard;
    this.#filter = (effect) => this.#catch(effect, writerFor);
  }

  /** Borrowed keys; 0 outside of `open` ... `close`. */
  get count(): number {
    return this.#keys.length;
  }

  /** From now on changes of borrowed keys are caught. */
  open(): void {
    const { journal } = this.#shard;
    assert(journal.filter === null && this.#keys.length === 0, 'keys are borrowed once at a time');
    journal.filter = this.#filter;
  }

  /**
   * Puts the value of a record in its place.
   * @param at byte of the record in low memory, which stays as it is until `close`
   * @throws {Fault} `OUT_OF_MEMORY`; `close` undoes what was borrowed before
   */
  borrow(at: number, bytes: number): void {
    const shard = this.#shard;
    const { db, keyAt, keyBytes } = describeRecord(shard, at, bytes);
    replayEffect(shard, shard.memory.low.subarray(at, at + bytes));
    this.#keys.push({ db, at: keyAt, bytes: keyBytes });
  }

  /** The borrowed keys are gone. */
  close(): void {
    const shard = this.#shard;
    const { keyspace, journal } = shard;
    journal.filter = null;
    // No deadline acts: what expires is its owner's to say.
    const wasReplaying = shard.isReplaying;
    shard.isReplaying = true;
    for (const { db, at, bytes } of this.#keys) {
      const database = keyspace.databases[db];
      const ref = database === undefined ? 0 : keyspace.find(database, at, bytes);
      if (ref !== 0) keyspace.remove(ref);
    }
    shard.isReplaying = wasReplaying;
    this.#keys.length = 0;
  }

  /** True: the change is not announced here. */
  #catch(
    effect: Effect, writerFor: (keyAt: number, keyBytes: number) => RecordWriter,
  ): boolean {
    const key = this.#find(effect);
    if (key === undefined) return false;
    this.#shard.notifier.onBorrowed(effect);
    const { op } = effect;
    if (op === EffectOp.KeyCopy) {
      this.#becomeValue(effect);
      return false;
    }
    const writer = writerFor(key.at, key.bytes);
    if (op !== EffectOp.KeyRename) {
      this.#write(effect, writer);
      return true;
    }
    const { otherDb, otherAt, otherBytes, secondEvent } = effect;
    effect.op = EffectOp.KeyRemove;
    effect.otherDb = 0;
    effect.otherAt = 0;
    effect.otherBytes = 0;
    effect.secondEvent = KeyEvent.None;
    this.#write(effect, writer);
    effect.otherDb = otherDb;
    effect.otherAt = otherAt;
    effect.otherBytes = otherBytes;
    effect.secondEvent = secondEvent;
    this.#becomeValue(effect);
    return false;
  }

  #write(effect: Effect, writer: RecordWriter): void {
    writer.beginRecord();
    encodeEffect(this.#shard, effect, this.#shard.nowMs, writer);
    writer.endRecord();
  }

  /** A change of two keys becomes the new value of the second. */
  #becomeValue(effect: Effect): void {
    const { keyspace } = this.#shard;
    const { otherDb, otherAt, otherBytes, secondEvent, reason } = effect;
    const db = keyspace.databases[otherDb];
    const ref = db === undefined ? 0 : keyspace.find(db, otherAt, otherBytes);
    assert(ref !== 0, 'a key that was renamed or copied is where it went to');
    const op = keyspace.isType(ref, ValueType.String) ? EffectOp.StringSet : EffectOp.ValueSet;
    this.#shard.effectOf(op, otherDb, otherAt, otherBytes, secondEvent);
    effect.reason = reason;
    effect.ref = ref;
  }

  #find({ db, keyAt, keyBytes }: Effect): ForeignKey | undefined {
    const { kernel } = this.#shard.memory;
    return this.#keys.find((key) => key.db === db && key.bytes === keyBytes &&
      kernel.equal(key.at, keyAt, keyBytes) === 1);
  }
}
