/**
 * Keyspace events: what the setting `notify-keyspace-events` asks for of every change is published
 * as two messages, `__keyspace@0__:key` with the event and `__keyevent@0__:event` with the key. An
 * effect of the journal names its events, so who announces a change announces them too; two kinds
 * of events have no effect: a key that was looked up for reading in vain (`keymiss`), and one that
 * is there now and was not before (`new`). The key space tells of those while someone asks.
 *
 * A key's creation is kept until its effect comes, and told before that: in the order of Redis, and
 *   not at all for keys that this shard only borrows, whose effects the journal's filter keeps.
 *   What a rename, a copy or RESTORE replaces is a new key too, as in Redis.
 * Where commands of several shards run, somebody else takes the events and publishes those of all
 *   shards in order (`taker`); of keys that are borrowed then too, for their owners are silent.
 * Cost: nothing while the setting is empty; else two strings and two calls an event that somebody
 *   could hear, one comparison for others.
 */
import type { Publisher } from '../shard/publisher.ts';
import type { Shard } from '../shard/shard.ts';
import type { Effect } from './effect.ts';
import { EffectOp } from './effect.ts';
import { EventClass, KeyEvent, keyEvents } from './events.ts';
import { keyText } from './key-text.ts';

/** Events whose key is new even where one of that name was there: it has been replaced. */
const REPLACES: ReadonlySet<number> = new Set([
  KeyEvent.RenameTo, KeyEvent.CopyTo, KeyEvent.Restore,
]);

/** Letters that are no classes: which of the two messages are published. */
const KEYSPACE_LETTER = 'K';
const KEYEVENT_LETTER = 'E';
/** Stands for every class but `n` and `m`. */
const ALL_LETTER = 'A';

/** What the key space tells besides changes; null in its field while nobody asks. */
export interface KeyspaceObserver {
  /** A key was looked up for reading and is not there. @param keyAt in the worker memory */
  onMiss(db: number, keyAt: number, keyBytes: number): void;
  /** An entry was put in a place that was empty. @param hash of its key */
  onNew(db: number, hash: number): void;
}

/** Takes events instead of those who listen. */
export interface EventTaker {
  /** Also those of keys that this shard only borrows. */
  readonly hearsBorrowed: boolean;
  /** @param key binary string, as `event` */
  take(event: string, db: number, key: string): void;
}

export class KeyspaceNotifier implements KeyspaceObserver {
  /** True while some event is published. */
  isOn = false;
  /** Null but while commands run whose events somebody puts in order. */
  taker: EventTaker | null = null;
  readonly #shard: Shard;
  /** 1 for events that are published, by number. */
  readonly #isChosen = new Uint8Array(keyEvents.length);
  #hasKeyspace = false;
  #hasKeyevent = false;
  #hasMisses = false;
  #hasNew = false;
  /** The key that was put last, until it is told: its database, -1 = none, and its hash. */
  #newDb = -1;
  #newHash = 0;
  /** A borrowed key that was renamed, until its new name is told: its database, -1 = none. */
  #renamedDb = -1;
  #renamedKey = '';
  #stopListening: (() => void) | null = null;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /**
   * Publishes from now on what these letters choose.
   * @param letters of notify-keyspace-events, as it is shown
   * @param hasNew true when `n` is among them, which is not shown beside `A`
   */
  choose(letters: string, hasNew: boolean): void {
    this.#hasKeyspace = letters.includes(KEYSPACE_LETTER);
    this.#hasKeyevent = letters.includes(KEYEVENT_LETTER);
    const isAny = this.#hasKeyspace || this.#hasKeyevent;
    const hasAll = letters.includes(ALL_LETTER);
    this.#hasMisses = isAny && letters.includes(EventClass.Miss);
    this.#hasNew = isAny && hasNew;
    let count = 0;
    for (const [i, row] of keyEvents.entries()) {
      const isChosen = isAny && row.class !== '' && (hasAll || letters.includes(row.class));
      this.#isChosen[i] = isChosen ? 1 : 0;
      if (isChosen) count++;
    }
    this.#newDb = -1;
    this.isOn = count > 0 || this.#hasNew || this.#hasMisses;
    this.#listen(count > 0 || this.#hasNew);
  }

  #listen(toChanges: boolean): void {
    const { journal, keyspace } = this.#shard;
    keyspace.observer = this.#hasMisses || this.#hasNew ? this : null;
    if (!toChanges) {
      this.#stopListening?.();
      this.#stopListening = null;
      return;
    }
    this.#stopListening ??= journal.listenToKeys((effect) => { this.#onEffect(effect); });
  }

  onMiss(db: number, keyAt: number, keyBytes: number): void {
    const publisher = this.#publisher();
    if (!this.#hasMisses || publisher === null) return;
    this.#publish(publisher, 'keymiss', db, keyAt, keyBytes);
  }

  onNew(db: number, hash: number): void {
    if (!this.#hasNew) return;
    this.#newDb = db;
    this.#newHash = hash;
  }

  /** Where events go; null where nobody could hear them. */
  #publisher(): Publisher | null {
    const { publisher } = this.#shard;
    return publisher?.hasListeners === true ? publisher : null;
  }

  #onEffect(effect: Effect): void {
    const publisher = this.#publisher();
    if (publisher === null) {
      this.#newDb = -1;
      return;
    }
    const { op, db, keyAt, keyBytes, event, secondEvent } = effect;
    const hasTwoKeys = op === EffectOp.KeyRename || op === EffectOp.KeyCopy;
    const isMove = op === EffectOp.KeyMove;
    const otherDb = hasTwoKeys || isMove ? effect.otherDb : db;
    const otherAt = hasTwoKeys ? effect.otherAt : keyAt;
    const otherBytes = hasTwoKeys ? effect.otherBytes : keyBytes;
    if (this.#hasNew) {
      const changed = hasTwoKeys || isMove ? secondEvent : event;
      this.#tellNew(publisher, changed, otherDb, otherAt, otherBytes);
    }
    if (this.#renamedDb >= 0) {
      this.#give(publisher, keyEvents[KeyEvent.RenameFrom]?.name ?? '', this.#renamedDb,
        this.#renamedKey);
      this.#renamedDb = -1;
    }
    if (this.#isChosen[event] === 1) {
      this.#publish(publisher, keyEvents[event]?.name ?? '', db, keyAt, keyBytes);
    }
    if (this.#isChosen[secondEvent] === 1) {
      const { name = '' } = keyEvents[secondEvent] ?? {};
      this.#publish(publisher, name, otherDb, otherAt, otherBytes);
    }
  }

  /** A key that this shard only borrows has changed; a rename is told with its new name. */
  onBorrowed({ op, db, keyAt, keyBytes, event, secondEvent }: Effect): void {
    const publisher = this.#publisher();
    if (this.taker?.hearsBorrowed !== true || publisher === null) return;
    if (op === EffectOp.KeyRename) {
      if (this.#isChosen[event] !== 1) return;
      this.#renamedDb = db;
      this.#renamedKey = keyText(this.#shard.memory, keyAt, keyBytes);
      return;
    }
    for (const each of [event, op === EffectOp.KeyCopy ? KeyEvent.None : secondEvent]) {
      if (this.#isChosen[each] !== 1) continue;
      this.#publish(publisher, keyEvents[each]?.name ?? '', db, keyAt, keyBytes);
    }
  }

  /** Publishes an event that was taken before. */
  tell(event: string, db: number, key: string): void {
    const publisher = this.#publisher();
    if (publisher !== null) this.#send(publisher, event, db, key);
  }

  /** Tells that the key of an effect is new, if it is. */
  #tellNew(
    publisher: Publisher, event: number, db: number, keyAt: number, keyBytes: number,
  ): void {
    if (this.#newDb === db && this.#isNewKey(db, keyAt, keyBytes)) this.#newDb = -1;
    else if (!REPLACES.has(event)) return;
    this.#publish(publisher, 'new', db, keyAt, keyBytes);
  }

  #isNewKey(db: number, keyAt: number, keyBytes: number): boolean {
    const dict = this.#shard.keyspace.databases[db]?.dict;
    return dict !== undefined && dict.header !== 0 &&
      dict.hashOf(keyAt, keyBytes) === this.#newHash;
  }

  #publish(
    publisher: Publisher, event: string, db: number, keyAt: number, keyBytes: number,
  ): void {
    this.#give(publisher, event, db, keyText(this.#shard.memory, keyAt, keyBytes));
  }

  #give(publisher: Publisher, event: string, db: number, key: string): void {
    if (this.taker === null) this.#send(publisher, event, db, key);
    else this.taker.take(event, db, key);
  }

  #send(publisher: Publisher, event: string, db: number, key: string): void {
    if (this.#hasKeyspace) publisher.publish(`__keyspace@${db}__:${key}`, event);
    if (this.#hasKeyevent) publisher.publish(`__keyevent@${db}__:${event}`, key);
  }
}
