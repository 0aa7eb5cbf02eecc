/**
 * Is there one order of all operations that explains every reply? The search of Wing and Gong over
 * the whole key space (commands on several keys and EXEC are one operation on all of them), guided
 * by hints of what ran when, so that a history that is right costs about one try an operation.
 *
 *   an operation may be next when no other that is left was answered before it was asked,
 *   and when those of its connection that come before it are done;
 *   it has to answer what was answered. One that was never answered may be done or left out.
 *
 * One that was never answered and never seen to run is left out from the start.
 * Without loss: an operation that answers right and changes nothing is done at once; a WATCH whose
 * EXEC failed as early as possible, one whose EXEC ran as late as possible.
 * Cost: O(operations x window) when hints are good; the search gives up after `triesMax`.
 * Source: Wing and Gong 1993; Lowe 2017 for remembering where it has been.
 */
import { isReadCommand, isSilentCommand, keysOf, modelOf, normalReply } from './command-models.ts';
import { guessedPlaces } from './guessed-order.ts';
import type { History } from './history.ts';
import { KeySpace } from './key-space.ts';
import type { Operation } from './operation.ts';
import { isAbsent, isAnswered } from './operation.ts';
import type { Reply } from './reply.ts';
import { isError, sameReply, shownReply } from './reply.ts';

/** What the search came to. */
export type Verdict =
  | { readonly isExplained: true; readonly tries: number }
  | { readonly isExplained: false; readonly tries: number; readonly story: string };

/** How a search is limited. */
export interface SearchOptions {
  readonly startMs: number;
  readonly triesMax: number;
  /** True: a write may answer OOM, and then has changed nothing. */
  readonly mayLackMemory: boolean;
}

/** Operations shown in the story of a failure. */
const STORY_OPERATIONS = 24;

class GivenUp extends Error {}

export class Linearization {
  readonly #operations: readonly Operation[];
  readonly #history: History;
  readonly #options: SearchOptions;
  readonly #space: KeySpace;
  readonly #isDone: Uint8Array;
  readonly #order: number[] = [];
  readonly #deadEnds = new Set<string>();
  /** Of each operation its place in the order that hints suggest. */
  #places: readonly number[] = [];
  #answeredLeft: number;
  #tries = 0;

  constructor(history: History, options: SearchOptions) {
    this.#history = history;
    this.#operations = history.operations;
    this.#options = options;
    this.#space = new KeySpace(options.startMs);
    this.#isDone = new Uint8Array(history.operations.length);
    this.#answeredLeft = 0;
  }

  run(): Verdict {
    this.#history.settleRuns();
    this.#answeredLeft = this.#operations.filter(isAnswered).length;
    for (const operation of this.#operations) {
      if (isAbsent(operation)) this.#isDone[operation.index] = 1;
    }
    let story = '';
    for (const hasSoftArrows of [true, false]) {
      this.#tries = 0;
      this.#places = guessedPlaces(this.#history, hasSoftArrows);
      const reason = this.#runGuided();
      if (reason === null) return { isExplained: true, tries: this.#tries };
      if (story === '') story = `${reason}\n${this.#story()}`;
      this.#restart();
    }
    return { isExplained: false, tries: this.#tries, story };
  }

  /** @returns null when there is an order, else why not */
  #runGuided(): string | null {
    try {
      return this.#search(0) ? null : 'no order explains the replies';
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
      return `no order was found in ${this.#tries} tries`;
    }
  }

  #restart(): void {
    this.#undoTo(0);
    this.#space.rollback(0);
    this.#deadEnds.clear();
  }

  /** @param from everything before it is done */
  #search(from: number): boolean {
    const mark = this.#space.mark;
    const done = this.#order.length;
    from = this.#doWhatChangesNothing(from);
    if (this.#answeredLeft === 0) return true;
    const place = this.#deadEnds.size > 0 || this.#tries > this.#operations.length * 2
      ? this.#placeOf(from) : '';
    if (place === '' || !this.#deadEnds.has(place)) {
      for (const operation of this.#choices(from)) {
        const step = this.#space.mark;
        this.#tries++;
        if (this.#tries > this.#options.triesMax) throw new GivenUp();
        if (this.#apply(operation)) {
          this.#do(operation);
          if (this.#search(from)) return true;
          this.#undoTo(this.#order.length - 1);
        }
        this.#space.rollback(step);
      }
      this.#deadEnds.add(place === '' ? this.#placeOf(from) : place);
    }
    this.#undoTo(done);
    this.#space.rollback(mark);
    return false;
  }

  #do(operation: Operation): void {
    this.#isDone[operation.index] = 1;
    this.#order.push(operation.index);
    if (isAnswered(operation)) this.#answeredLeft--;
  }

  #undoTo(length: number): void {
    while (this.#order.length > length) {
      const index = this.#order.pop() ?? 0;
      this.#isDone[index] = 0;
      const operation = this.#operations[index];
      if (operation !== undefined && isAnswered(operation)) this.#answeredLeft++;
    }
  }

  /** Does all that may be done without a choice. @returns everything before it is done */
  #doWhatChangesNothing(from: number): number {
    for (let hasMoved = true; hasMoved;) {
      hasMoved = false;
      for (const operation of this.#allowed(from)) {
        if (!isCalm(operation)) continue;
        const mark = this.#space.mark;
        const isRight = this.#apply(operation);
        if (isRight && (this.#space.mark === mark || operation.kind === 'watch')) {
          this.#do(operation);
          hasMoved = true;
        } else {
          this.#space.rollback(mark);
        }
      }
      while (this.#isDone[from] === 1) from++;
    }
    return from;
  }

  /** Operations that may be next, in the order in which they were asked. */
  #allowed(from: number): Operation[] {
    const found: Operation[] = [];
    let answeredBy = Infinity;
    for (let i = from; i < this.#operations.length; i++) {
      const operation = this.#operations[i];
      if (operation === undefined || operation.invokedAt > answeredBy) break;
      if (this.#isDone[i] === 1) continue;
      answeredBy = Math.min(answeredBy, operation.completedAt);
      const { after, clocks } = operation;
      const isDone = (before: number): boolean => this.#isDone[before] === 1;
      if (after.every(isDone) && clocks.every(isDone)) found.push(operation);
    }
    return found.filter(({ invokedAt }) => invokedAt <= answeredBy);
  }

  /** What to try next, best first. */
  #choices(from: number): readonly Operation[] {
    const placeOf = ({ index }: Operation): number => this.#places[index] ?? Infinity;
    return this.#allowed(from).sort((one, other) => placeOf(one) - placeOf(other));
  }

  /** Runs it on the key space. False: it would not answer what was answered. */
  #apply(operation: Operation): boolean {
    const { kind, commands, reply, index } = operation;
    const space = this.#space;
    const [words = []] = commands;
    switch (kind) {
      case 'clock':
        space.advance(words, operation.nowMs);
        return true;
      case 'watch':
        space.watch(index, words.slice(1));
        return reply === undefined || sameReply(reply, '+OK');
      case 'exec':
        return this.#applyExec(operation);
      case 'command':
        return this.#applyCommand(words, reply);
    }
  }

  #applyExec({ commands, reply, watches }: Operation): boolean {
    const isDirty = watches.some((watch) => this.#space.dirtyKey(watch) !== undefined);
    // One that was never answered was seen to run.
    if (isDirty) return reply === null;
    if (reply === null || typeof reply === 'string') {
      return isError(reply ?? '', 'OOM') && this.#options.mayLackMemory;
    }
    if (reply !== undefined && reply.length !== commands.length) return false;
    return commands.every((words, i) => this.#applyCommand(words, reply?.[i]));
  }

  #applyCommand(words: readonly string[], reply: Reply | undefined): boolean {
    const [name = ''] = words;
    if (isError(reply, 'OOM') && this.#options.mayLackMemory) return true;
    const found = modelOf(name)(this.#space, words);
    return reply === undefined || sameReply(found, normalReply(name, reply));
  }

  /** Which operations are done, and what that has made of the keys. */
  #placeOf(from: number): string {
    const later: number[] = [];
    for (let i = from; i < this.#isDone.length; i++) if (this.#isDone[i] === 1) later.push(i);
    return `${from}:${later.join()}:${this.#space.digest()}`;
  }

  /** Where the order that hints suggest goes wrong first, and who else was at these keys. */
  #story(): string {
    this.#restart();
    let from = this.#doWhatChangesNothing(0);
    // What only reads has its moment by itself.
    const choose = (): Operation | undefined => this.#choices(from).find(mayChange);
    let next = choose();
    while (next !== undefined) {
      const mark = this.#space.mark;
      if (!this.#apply(next)) {
        this.#space.rollback(mark);
        break;
      }
      this.#do(next);
      from = this.#doWhatChangesNothing(from);
      next = choose();
    }
    const touchedBy = ({ kind, commands }: Operation): readonly string[] =>
      (kind === 'clock' ? commands.flat() : commands.flatMap(keysOf));
    const about = new Set(next === undefined ? [] : touchedBy(next));
    const near = this.#order.map((index) => this.#operations[index])
      .filter((operation) => operation !== undefined)
      .filter((operation) => touchedBy(operation).some((key) => about.has(key)))
      .slice(-STORY_OPERATIONS).map((operation) => `  ${shownOperation(operation)}`);
    const waiting = this.#allowed(from).map((operation) =>
      `  ${shownOperation(operation)}\n      now it would answer ${this.#answerOf(operation)}`);
    return `${this.#order.length} of ${this.#operations.length} operations in the order of their ` +
      `runs; of those, on the keys of the next\n${near.join('\n')}\n` +
      `then, ${next?.index ?? -1} first, one of\n` +
      waiting.join('\n');
  }

  #answerOf(operation: Operation): string {
    const mark = this.#space.mark;
    const dirty = operation.watches.map((watch) => this.#space.dirtyKey(watch)).join('');
    const answers = operation.commands.map((words) =>
      shownReply(modelAnswer(this.#space, operation, words)));
    this.#space.rollback(mark);
    return dirty === '' ? answers.join(' ') : `nil, for ${dirty} has changed`;
  }
}

function modelAnswer(space: KeySpace, { kind }: Operation, words: readonly string[]): Reply {
  return kind === 'watch' || kind === 'clock' ? '+OK' : modelOf(words[0] ?? '')(space, words);
}

/** May be done as soon as it answers right and changes nothing. */
function isCalm(operation: Operation): boolean {
  if (operation.kind === 'watch') return !operation.isWatchHeld || operation.exec === undefined;
  if (operation.kind === 'clock') return false;
  if (operation.reply === undefined) return false;
  return operation.reply === null ||
    operation.commands.every(([name = '']) => !isSilentCommand(name));
}

/** It does not only look, nor has it failed. */
function mayChange({ kind, reply, commands }: Operation): boolean {
  if (kind === 'clock' || kind === 'watch' || reply === undefined) return true;
  return reply !== null && !isError(reply, '') &&
    !commands.every(([name = '']) => isReadCommand(name));
}

/** One line about an operation. */
export function shownOperation(operation: Operation): string {
  const { index, client, kind, commands, invokedAt, completedAt, reply, nowMs, hints } = operation;
  const { watches } = operation;
  const under = watches.length === 0 ? '' : ` under ${watches.join(' ')}`;
  const words = commands.map((each) => each.map(shortWord).join(' ')).join('; ');
  const asked = kind === 'exec' ? `EXEC of ${words}${under}` : words;
  const what = kind === 'clock' ? `clock of ${words} ${nowMs}` : asked;
  const ran = hints.map(({ key, time }) => `${key}@${time}`).join(' ');
  return `${index} ${client} [${invokedAt}-${completedAt}] ${what} -> ${shownReply(reply)}` +
    (ran === '' ? '' : `  (${ran})`);
}

function shortWord(word: string): string {
  return word.length > 40 ? `${word.slice(0, 24)}..(${word.length})` : word;
}
