/**
 * What clients asked and what they were told, with the moments of both; time counts events, so no
 * two have the same. And hints: which of the operations ran when, guessed from what the shards'
 * executors were given. A hint says where to look first. What is concluded does not rest on it but
 * for one thing: what was never answered and not seen to run has not run.
 */
import { keysOf, writtenKeysOf } from './command-models.ts';
import type { NewOperation, Operation } from './operation.ts';
import { isAnswered } from './operation.ts';
import type { Reply } from './reply.ts';
import type { Candidate, Note, Run } from './run-notes.ts';
import { isMissing, mayHaveWritten, partOf, WHOLE } from './run-notes.ts';

/** Times that runs are given out anew, without an operation that got only some of its own. */
const GUESSES_MAX = 30;

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
    this.#notes.push({ words: keys, client: undefined, changed, time, nowMs, clock: operation });
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
   * @param client whose they are, undefined when that is not known
   */
  noteRun(words: readonly string[], client: string | undefined): Note {
    const note: Note = { words, client, changed: new Set(), time: this.tick(), nowMs: 0 };
    this.#notes.push(note);
    return note;
  }

  /**
   * To be called once, at the end. Guesses which operation each run was of: one of the client's,
   * or else the one that fits and was answered first; what was never answered gets what is left.
   */
  guessRuns(): void {
    this.#orderClocks();
    const mayHaveRun = this.operations
      .filter(({ kind, reply }) => kind !== 'clock' && (kind !== 'exec' || reply !== null))
      .sort((one, other) => one.completedAt - other.completedAt);
    const absent = new Set<Operation>();
    for (let round = 0; round < GUESSES_MAX; round++) {
      const candidates = this.#assign(mayHaveRun.filter((one) => !absent.has(one)));
      // What has not run as a whole has not run: what was taken for a part of it was another's.
      const halves = candidates.filter(({ operation }) =>
        !operation.hasRun && operation.hints.length > 0 && !isAnswered(operation));
      const [half] = halves;
      if (half === undefined) return;
      const sure = halves.find(({ parts }) => parts.some(isMissing));
      absent.add((sure ?? half).operation);
    }
  }

  /** Gives each run to the first of these that fits. */
  #assign(operations: readonly Operation[]): readonly Candidate[] {
    this.runs.clear();
    for (const operation of this.operations) {
      operation.hints.length = 0;
      operation.hasRun = false;
    }
    const candidates = operations.map((operation) =>
      ({ operation, parts: operation.commands.map(partOf) }));
    for (const note of this.#notes) {
      const { clock } = note;
      if (clock !== undefined) {
        for (const key of note.words) this.#hint(clock, key, note);
        continue;
      }
      for (const candidate of candidates) if (this.#takes(candidate, note)) break;
    }
    for (const { operation, parts } of candidates) {
      // What nobody else asks for like this is known for sure; the rest may be mixed up.
      const sure = parts.filter(({ isUnique }) => isUnique);
      const writing = parts.filter(({ isRead }) => !isRead);
      const telling = sure.length > 0 ? sure : writing.length > 0 ? writing : parts;
      operation.hasRun = telling.every(({ keysLeft }) => keysLeft.size === 0);
    }
    return candidates;
  }

  /** True when the run was of this operation, which now has a hint more. */
  #takes({ operation, parts }: Candidate, note: Note): boolean {
    const { words, client, time } = note;
    if (operation.invokedAt > time || operation.completedAt < time) return false;
    if (client !== undefined && client !== operation.client) return false;
    for (const { name, tokens, keysLeft } of parts) {
      if (words[0] !== name || !words.every((word) => tokens.has(word))) continue;
      // FLUSHALL runs once on every shard.
      const isOfAll = keysLeft.has(WHOLE) || (words.length === 1 && operation.hints.length > 0);
      const touched = words.filter((word) => keysLeft.has(word));
      if (touched.length === 0 && !isOfAll) continue;
      const written = operation.kind === 'command' && mayHaveWritten(operation.reply)
        ? writtenKeysOf(words) : [];
      for (const key of written) note.changed.add(key);
      for (const key of isOfAll ? [...note.changed] : touched) this.#hint(operation, key, note);
      for (const key of [WHOLE, ...touched]) keysLeft.delete(key);
      return true;
    }
    return false;
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
