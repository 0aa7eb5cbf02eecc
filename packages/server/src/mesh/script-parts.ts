/**
 * This shard's part of a transaction that runs in steps (script.ts): an EXEC with commands that one
 * shard runs for several, and SORT with patterns. The part has all its locks from its vote on and
 * keeps them; the coordinator says what happens in each step (script-words.ts), and all steps see
 * one instant. Between them keys of locked slots neither expire nor are evicted.
 * Cost: that of the commands; a step goes on where the last one stopped.
 */
import type { Intent, LockedKeys } from '@kora/core';
import { AcrossShards, assert, reachOf, ReplyError } from '@kora/core';
import type { RespSink } from '../resp-sink.ts';
import type { CargoStore } from './cargo-store.ts';
import type { LedParts } from './led-parts.ts';
import type { PartCursor } from './part-cursor.ts';
import type { PartPayload } from './participation.ts';
import type { RecordBlock } from './record-block.ts';
import { PART_EVENTS } from './part-block.ts';
import { Begin, beginOf, Finish, finishOf } from './script-words.ts';
import { PartEvents } from './step-events.ts';
import type { EventOutlet } from './step-events.ts';

/** Where a part stands, and what it is told to do next. */
export class ScriptPlace {
  /** What is to be done (script-words.ts), from which command of the part on, and how many run. */
  word = 0;
  from = 0;
  runCount = 0;
  /** The command that the last step stopped at, and where it is. */
  index = 0;
  position = 0;
}

/** What running a step asks of the shard's participation. */
export interface ScriptHost {
  /** Runs the command at the cursor, which answers. */
  runCurrent(intent: Intent<PartPayload>): void;
  /** Asks it: false, and the refusal is the answer; else what it may need is held. */
  askCurrent(intent: Intent<PartPayload>, payload: PartPayload): boolean;
  /** Lends what its keys hold, or one element; false as for askCurrent. */
  lendCurrent(payload: PartPayload, isElement: boolean, mayGrow: boolean): boolean;
  /** Sends records about keys of this shard to the coordinator. */
  deliverOwn(records: RecordBlock): void;
  /** Sends all that the leader has to say. */
  deliverChanges(): void;
  refuse(error: ReplyError): boolean;
}

export class ScriptParts {
  /** Where events of the key space go that are to be put in order. Set once. */
  outlet: EventOutlet | null = null;
  readonly #events = new PartEvents();
  readonly #cursor: PartCursor;
  readonly #led: LedParts;
  readonly #cargo: CargoStore;
  readonly #sink: RespSink;
  readonly #guard: LockedKeys;
  readonly #host: ScriptHost;

  constructor(
    cursor: PartCursor, led: LedParts, cargo: CargoStore, sink: RespSink, guard: LockedKeys,
    host: ScriptHost,
  ) {
    this.#cursor = cursor;
    this.#led = led;
    this.#cargo = cargo;
    this.#sink = sink;
    this.#guard = guard;
    this.#host = host;
  }

  /** The part has its locks. */
  begin(): ScriptPlace {
    this.#guard.begin();
    return new ScriptPlace();
  }

  /** It is over. */
  end(): void {
    this.#guard.end();
  }

  /** One step. @returns false when what was to be begun cannot be; the answer says why */
  step(intent: Intent<PartPayload>, payload: PartPayload, place: ScriptPlace): boolean {
    const { outlet } = this;
    const isHeard = (this.#cursor.blocks.flagsOf(payload.ref) & PART_EVENTS) !== 0;
    if (!isHeard || outlet === null) return this.#step(intent, payload, place);
    const events = this.#events;
    outlet.notifier.taker = events;
    const hasBegun = this.#step(intent, payload, place);
    outlet.notifier.taker = null;
    if (events.count > 0) outlet.send(intent.coordinator, intent.handle, events.drain());
    return hasBegun;
  }

  #step(intent: Intent<PartPayload>, payload: PartPayload, place: ScriptPlace): boolean {
    const cursor = this.#cursor;
    const { blocks } = cursor;
    assert(place.from >= place.index, 'steps go on');
    blocks.resume(payload.ref, place.index, place.position);
    for (; place.index < place.from; place.index++) blocks.skip();
    const finish = finishOf(place.word);
    const events = this.#events;
    if (finish !== Finish.Nothing) {
      cursor.take();
      events.index = place.index;
      this.#finish(intent, finish);
      place.index++;
    }
    for (let i = 0; i < place.runCount; i++) {
      cursor.take();
      events.index = place.index;
      this.#host.runCurrent(intent);
      place.index++;
    }
    place.position = blocks.position;
    const begin = beginOf(place.word);
    if (begin === Begin.Nothing) return true;
    cursor.take();
    events.index = place.index;
    return this.#begin(intent, payload, begin);
  }

  #finish({ coordinator, handle }: Intent<PartPayload>, finish: number): void {
    const cargo = this.#cargo.take(coordinator, handle);
    const events = this.#events;
    if (finish === Finish.Lead) {
      // Of a key that has lent one element the leader knows nothing else.
      events.hearsBorrowed = reachOf(this.#cursor.command).kind !== AcrossShards.Move;
      this.#led.lead(cargo, this.#sink);
      events.hearsBorrowed = false;
      this.#sink.flush();
      this.#host.deliverChanges();
    } else {
      assert(cargo !== null, 'who has something to settle was told what');
      events.isSilent = finish === Finish.Settle;
      this.#led.settle(finish === Finish.TakeAway ? null : cargo, this.#sink);
      events.isSilent = false;
    }
    cargo?.free();
  }

  #begin(intent: Intent<PartPayload>, payload: PartPayload, begin: number): boolean {
    switch (begin) {
      case Begin.Ask:
        return this.#host.askCurrent(intent, payload);
      case Begin.NameKeys:
        return this.#nameKeys(intent);
      case Begin.LendNamed:
        return this.#lendNamed(intent);
      default:
        return this.#host.lendCurrent(
          payload, begin === Begin.LendElement, begin === Begin.LendToGrow,
        );
    }
  }

  #nameKeys({ coordinator, handle }: Intent<PartPayload>): boolean {
    const cargo = this.#cargo.take(coordinator, handle);
    const hasNamed = this.#led.nameKeys(cargo);
    if (cargo !== null) this.#cargo.keep(coordinator, handle, cargo);
    this.#host.deliverChanges();
    return hasNamed;
  }

  #lendNamed({ coordinator, handle }: Intent<PartPayload>): boolean {
    const names = this.#cargo.take(coordinator, handle);
    const lent = this.#led.lendNamed(names);
    names?.free();
    if (lent instanceof ReplyError) return this.#host.refuse(lent);
    this.#host.deliverOwn(lent);
    return true;
  }
}
