/**
 * What clients asked and what they were told, with the moments of both; time counts events, so no
 * two have the same. And hints: which of the operations ran when, guessed from what the shards'
 * executors were given. A hint says where to look first. What is concluded does not rest on it but
 * for one thing: what was never answered and not seen to run has not run.
 */
import { keysOf, writtenKeysOf } from './command-models.ts';
import type { NewOperation, Operation } from './operation.ts';
import type { Reply } from './reply.ts';
import type { Asker, Note, Part, Run } from './run-notes.ts';
import { mayHaveWritten, partOf, WHOLE } from './run-notes.ts';

export class History {
  readonly operations: Operation[] = [];
  /** Events so far. */
  now = 0;
  /** Of each key the operations that seem to have run on it, in this order. */
  readonly runs = new Map<string, Run[]>();
  readonly #notes: Note[] = [];
  readonly #clocks: { readonly key: string; readonly operation: Operation }[] = [];

  tick(): number {
    this.now += 1;
    return this.now;
  }

  add(wanted: NewOperation): Operation {
    const operation: Operation = {
      index: this.operations.length, client: wanted.client, kind: wanted.kind,
      commands: wanted.commands, invokedAt: wanted.invokedAt ?? this.tick(),
      completedAt: Infinity, reply: undefined,
      after: wanted.after ?? [], watches: wanted.watches ?? [], isWatchHeld: true,
      nowMs: wanted.nowMs ?? 0, clocks: [], hints: [], hasRun: false, exec: undefined,
    };
    this.operations.push(operation);
    for (const watch of operation.watches) {
      const watching = this.operations[watch];
      if (watching !== undefined) watching.exec = operation;
    }
    return operation;
  }

  complete(operation: Operation, reply: Reply): void {
    operation.completedAt = this.tick();
    operation.reply = reply;
    if (operation.kind !== 'exec' || reply !== null) return;
    for (const watch of operation.watches) {
      const watching = this.operations[watch];
      if (watching !== undefined) watching.isWatchHeld = false;
    }
  }

  /**
   * The clock moves, for all keys in one step: everything was before that or is after it.
   */
  moveClock(nowMs: number, keys: readonly string[]): void {
    const operation = this.#addClock(nowMs, keys, this.tick());
    operation.completedAt = this.tick();
  }

  /**
   * The clock moves, for each key by itself: what is asked from now on finds it moved for its keys,
   * while commands that are under way may still run under the instant at which they began.
   */
  moveClockOfEach(nowMs: number, keys: readonly string[]): void {
    const time = this.tick();
    for (const key of keys) {
      const operation = this.#addClock(nowMs, [key], time);
      this.#clocks.push({ key, operation });
    }
    this.tick();
  }

  #addClock(nowMs: number, keys: readonly string[], time: number): Operation {
    const operation = this.add({
      client: 'clock', kind: 'clock', commands: [keys], nowMs, invokedAt: time,
    });
    operation.reply = '+OK';
    const changed = new Set(keys);
    this.#notes.push({ words: keys, asker: undefined, changed, time, nowMs, clock: operation });
    return operation;
  }

  /** Says until when each move of the clock may act, and who comes after it. */
  #orderClocks(): void {
    const lastOf = new Map<string, Operation[]>();
    for (const { key, operation: clock } of this.#clocks) {
      const before = lastOf.get(key) ?? [];
      const [previous] = before.slice(-1);
      if (previous !== undefined) clock.clocks.push(previous.index);
      lastOf.set(key, [...before, clock]);
      let until = clock.invokedAt + 1;
      for (const { kind, invokedAt, completedAt } of this.operations) {
        if (invokedAt > clock.invokedAt) break;
        if (kind !== 'clock' && completedAt > until) until = Math.min(completedAt, this.now);
      }
      clock.completedAt = until;
    }
    for (const operation of this.operations) {
      if (operation.kind === 'clock') continue;
      const watched = operation.watches.map((index) => this.operations[index]);
      const commands = [...operation.commands, ...watched.flatMap((one) => one?.commands ?? [])];
      for (const key of new Set(commands.flatMap(keysOf))) {
        const passed = lastOf.get(key)?.filter(({ invokedAt }) => invokedAt < operation.invokedAt);
        const last = passed?.at(-1);
        if (last !== undefined) operation.clocks.push(last.index);
      }
    }
  }

  /**
   * An executor was given these words, or a shard's part of them.
   * @param asker whose they are, undefined for the engine's own
   */
  noteRun(words: readonly string[], asker: Asker | undefined): Note {
    const note: Note = { words, asker, changed: new Set(), time: this.tick(), nowMs: 0 };
    this.#notes.push(note);
    return note;
  }

  /** To be called once, at the end: operations get the hints of their runs. */
  settleRuns(): void {
    this.#orderClocks();
    const parts = new Map<Operation, readonly Part[]>();
    for (const note of this.#notes) {
      const { clock, asker, words } = note;
      if (clock !== undefined) {
        for (const key of words) this.#hint(clock, key, note);
        continue;
      }
      const operation = asker?.operation;
      if (operation === undefined) continue;
      const left = parts.get(operation) ?? operation.commands.map(partOf);
      parts.set(operation, left);
      this.#settle(operation, left, note);
    }
  }

  /** The note is of one of these, which are commands of the operation. */
  #settle(operation: Operation, parts: readonly Part[], note: Note): void {
    const { words } = note;
    for (const [i, { name, tokens, keysLeft }] of parts.entries()) {
      if (words[0] !== name || !words.every((word) => tokens.has(word))) continue;
      // FLUSHALL runs once on every shard.
      const isOfAll = keysLeft.has(WHOLE) || (words.length === 1 && operation.hints.length > 0);
      const touched = words.filter((word) => keysLeft.has(word));
      if (touched.length === 0 && !isOfAll) continue;
      // What a command changes on other shards than the one that runs it is not seen to change.
      const written = operation.kind !== 'watch' && mayHaveWritten(answerOf(operation, i))
        ? writtenKeysOf(words) : [];
      for (const key of written) note.changed.add(key);
      for (const key of isOfAll ? [...note.changed] : touched) this.#hint(operation, key, note);
      for (const key of [WHOLE, ...touched]) keysLeft.delete(key);
      operation.hasRun = true;
      return;
    }
  }

  #hint(operation: Operation, key: string, { time, nowMs, changed, clock }: Note): void {
    operation.hints.push({ key, time });
    const isClock = clock !== undefined;
    const run = { operation: operation.index, isWrite: changed.has(key), isClock, time, nowMs };
    const runs = this.runs.get(key);
    if (runs === undefined) this.runs.set(key, [run]);
    else runs.push(run);
  }
}

/** What was answered to command i of the operation. */
function answerOf({ kind, reply }: Operation, i: number): Reply | undefined {
  if (kind !== 'exec') return reply;
  return reply === null || typeof reply !== 'object' ? undefined : reply[i];
}
