/**
 * Events of the key space that commands of several shards make, in the order of Redis. While they
 * run, each shard's go aside with the command that made them; the coordinator publishes all of
 * them when everything has run, before any lock goes, so nothing that comes later to one of the
 * keys is told before them.
 *   cut by its keys (MSET)   in the order of the keys
 *   led (RENAME)             as the leader tells them, which hears of borrowed keys too
 *   an element moves         LMOVE: destination, source; SMOVE: source, destination
 * Bodies of notes: of each event its command's index in the part | database | event | key.
 * Cost: a few strings an event; nothing while nobody listens.
 */
import type { EventTaker, KeyspaceNotifier } from '@kora/core';
import { NoteBody, NoteReader } from '../tracking/note-body.ts';
import type { StepPlan } from './step-plan.ts';
import { StepKind } from './step-plan.ts';

/** Bytes beside the two texts. */
const FIXED_BYTES = 16;
/** Events of a key before that of the change which is asked for. */
const BEFORE_CHANGE: ReadonlySet<string> = new Set(['new', 'expired']);

/** One event of one part. */
export interface StepEvent {
  /** Which of the part's commands has made it. */
  readonly index: number;
  readonly event: string;
  readonly db: number;
  readonly key: string;
}

/** Where the events of parts go. */
export interface EventOutlet {
  readonly notifier: KeyspaceNotifier;
  /** Brings them to the coordinator of their transaction, ahead of the answer that follows. */
  send(coordinator: number, handle: number, events: readonly StepEvent[]): void;
}

/** Takes the events of a part while it runs. */
export class PartEvents implements EventTaker {
  hearsBorrowed = false;
  /** What happens has been told by the leader. */
  isSilent = false;
  /** The command that runs. */
  index = 0;
  readonly #events: StepEvent[] = [];

  take(event: string, db: number, key: string): void {
    if (!this.isSilent) this.#events.push({ index: this.index, event, db, key });
  }

  get count(): number {
    return this.#events.length;
  }

  /** Gives all that were taken, and forgets them. */
  drain(): StepEvent[] {
    return this.#events.splice(0);
  }
}

/** Events as the body of a note. */
export function encodeEvents(events: readonly StepEvent[]): Uint8Array {
  const bytes = events.reduce((sum, { event, key }) => sum + event.length + key.length, 0);
  const body = new NoteBody(bytes + events.length * FIXED_BYTES);
  for (const { index, db, event, key } of events) {
    body.word(index);
    body.word(db);
    body.text(event);
    body.text(key);
  }
  return body.bytes();
}

export function decodeEvents(body: Uint8Array): StepEvent[] {
  const reader = new NoteReader(body);
  const events: StepEvent[] = [];
  while (reader.rest().length > 0) {
    events.push({
      index: reader.word(), db: reader.word(), event: reader.text(), key: reader.text(),
    });
  }
  return events;
}

/** All events of one transaction, at its coordinator. */
export class EventsInOrder {
  /** By shard, in the order in which they were made. */
  readonly #ofShard: StepEvent[][];
  /** By shard: those that were published, and commands that were passed. */
  readonly #at: number[];
  readonly #commands: number[];

  constructor(workerCount: number) {
    this.#ofShard = Array.from({ length: workerCount }, () => []);
    this.#at = this.#ofShard.map(() => 0);
    this.#commands = this.#ofShard.map(() => 0);
  }

  add(shard: number, events: readonly StepEvent[]): void {
    this.#ofShard[shard]?.push(...events);
  }

  /** Publishes all, command after command. */
  publish(steps: readonly StepPlan[], notifier: KeyspaceNotifier): void {
    for (const step of steps) {
      this.#publishStep(step, notifier);
      for (const shard of this.#commands.keys()) {
        if ((step.shards & (1 << shard)) !== 0) this.#commands[shard] = this.#commandOf(shard) + 1;
      }
    }
  }

  #publishStep(step: StepPlan, notifier: KeyspaceNotifier): void {
    const { keys, eventKeys, leader, kind, command } = step;
    for (let i = 0; i < eventKeys.length; i++) {
      this.#publishKey(keys.shard[i] ?? 0, eventKeys[i] ?? '', notifier);
    }
    const isSourceFirst = kind !== StepKind.Moved || command.name === 'smove';
    if (!isSourceFirst) this.#publishRest(leader, notifier);
    for (const shard of this.#ofShard.keys()) {
      const isOfStep = (step.shards & (1 << shard)) !== 0;
      if (isOfStep && shard !== leader) this.#publishRest(shard, notifier);
    }
    if (leader >= 0) this.#publishRest(leader, notifier);
  }

  /** What one mention of a key in a command has made. */
  #publishKey(shard: number, key: string, notifier: KeyspaceNotifier): void {
    let change = '';
    for (let next = this.#next(shard); next?.key === key; next = this.#next(shard)) {
      const { event } = next;
      if (change !== '' && (event === change || BEFORE_CHANGE.has(event))) return;
      if (!BEFORE_CHANGE.has(event)) change ||= event;
      this.#tell(shard, next, notifier);
    }
  }

  #publishRest(shard: number, notifier: KeyspaceNotifier): void {
    for (let next = this.#next(shard); next !== undefined; next = this.#next(shard)) {
      this.#tell(shard, next, notifier);
    }
  }

  /** The next event of a shard that its current command has made. */
  #next(shard: number): StepEvent | undefined {
    const event = this.#ofShard[shard]?.[this.#at[shard] ?? 0];
    return event?.index === this.#commandOf(shard) ? event : undefined;
  }

  #commandOf(shard: number): number {
    return this.#commands[shard] ?? 0;
  }

  #tell(shard: number, { event, db, key }: StepEvent, notifier: KeyspaceNotifier): void {
    this.#at[shard] = (this.#at[shard] ?? 0) + 1;
    notifier.tell(event, db, key);
  }
}
