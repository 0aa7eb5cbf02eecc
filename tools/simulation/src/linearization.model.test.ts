/**
 * The search for an order against one that tries every order: small histories of a few clients,
 * with WATCH and EXEC, requests that were never answered, hints that are wrong or missing, and
 * replies that are now and then not what was answered. Both have to say the same of each.
 */
import type { RandomSource } from '@kora/core/testing';
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { modelOf } from './command-models.ts';
import { History } from './history.ts';
import { KeySpace } from './key-space.ts';
import { Linearization } from './linearization.ts';
import type { Operation } from './operation.ts';
import { isAbsent, isAnswered } from './operation.ts';
import type { Reply } from './reply.ts';
import { sameReply } from './reply.ts';

const HISTORIES = 2000;
const OPERATIONS_MAX = 7;
const START_MS = 1000;
const TRIES_MAX = 100_000;

/** What an operation answers now. */
function answerOf(space: KeySpace, operation: Operation): Reply {
  const { kind, commands, watches, index } = operation;
  if (kind === 'watch') {
    space.watch(index, commands[0]?.slice(1) ?? []);
    return '+OK';
  }
  if (watches.some((watch) => space.dirtyKey(watch) !== undefined)) return null;
  const replies = commands.map((words) => modelOf(words[0] ?? '')(space, words));
  return kind === 'exec' ? replies : replies[0] ?? null;
}

/** True when some order explains the replies: all orders are tried. */
function hasOrder(operations: readonly Operation[]): boolean {
  const space = new KeySpace(START_MS);
  const left = new Set(operations.filter((operation) => !isAbsent(operation)));
  const isLeft = (index: number): boolean => [...left].some((one) => one.index === index);
  const search = (): boolean => {
    if (![...left].some(isAnswered)) return true;
    const answeredBy = Math.min(...[...left].map(({ completedAt }) => completedAt));
    for (const operation of [...left]) {
      if (operation.invokedAt > answeredBy || operation.after.some(isLeft)) continue;
      const { mark } = space;
      const answer = answerOf(space, operation);
      // An EXEC that was seen to run was not nil.
      const isRight = operation.reply !== undefined ? sameReply(answer, operation.reply)
        : operation.kind !== 'exec' || answer !== null;
      if (isRight) {
        left.delete(operation);
        if (search()) return true;
        left.add(operation);
      }
      space.rollback(mark);
    }
    return false;
  };
  return search();
}

/** A client in the middle of what it does. */
interface Asking {
  readonly name: string;
  before: readonly number[];
  watches: number[];
  pending: Operation | undefined;
  answer: Reply | undefined;
  isGone: boolean;
}

class Story {
  readonly history = new History();
  readonly #random: RandomSource;
  readonly #space = new KeySpace(START_MS);
  readonly #clients: readonly Asking[];
  #written = 0;

  constructor(random: RandomSource) {
    this.#random = random;
    this.#clients = Array.from({ length: 2 + random.below(2) }, (_, i) => ({
      name: `c${i}`, before: [], watches: [], pending: undefined, answer: undefined,
      isGone: false,
    }));
    while (this.#step());
  }

  /** One event of some client: it asks, its request runs, or it is answered. */
  #step(): boolean {
    const isFull = this.history.operations.length >= OPERATIONS_MAX;
    const busy = this.#clients.filter(({ isGone, pending }) =>
      !isGone && (!isFull || pending !== undefined));
    const client = busy[this.#random.below(busy.length)];
    if (client === undefined) return false;
    if (client.pending === undefined) this.#ask(client);
    else if (client.answer === undefined) this.#run(client, client.pending);
    else this.#answer(client, client.pending, client.answer);
    if (this.#random.chance(0.05)) client.isGone = true;
    return true;
  }

  #ask(client: Asking): void {
    const random = this.#random;
    const key = (): string => `s${random.below(2)}`;
    const command = (): string[] => {
      this.#written++;
      const all = [
        ['GET', key()], ['SET', key(), `v${this.#written}`], ['SET', key(), 'same'],
        ['SET', key(), 'same', 'GET'], ['DEL', key()], ['MGET', 's0', 's1'],
        ['MSETNX', 's0', 'same', 's1', 'same'], ['STRLEN', key()],
      ];
      return all[random.below(all.length)] ?? [];
    };
    const { name, before: after, watches } = client;
    const isWatch = random.chance(0.25);
    const isExec = !isWatch && random.chance(watches.length > 0 ? 0.6 : 0.1);
    const kind = isWatch ? 'watch' : isExec ? 'exec' : 'command';
    const commands = isWatch ? [['WATCH', key()]] : isExec ? [command(), command()] : [command()];
    const operation = this.history.add({
      client: name, kind, commands, after, watches: isExec ? watches : [],
    });
    if (isWatch) watches.push(operation.index);
    // Some WATCHes end without an EXEC.
    if (isExec || random.chance(0.1)) client.watches = [];
    client.before = [operation.index];
    client.pending = operation;
    client.answer = undefined;
    // A hint that is wrong.
    if (random.chance(0.1)) this.history.noteRun(commands[0] ?? [], { operation });
  }

  #run(client: Asking, operation: Operation): void {
    const isHinted = this.#random.chance(0.8);
    client.answer = answerOf(this.#space, operation);
    const isNil = operation.kind === 'exec' && client.answer === null;
    if (isNil || (!isHinted && !client.isGone && this.#random.chance(0.5))) return;
    for (const words of operation.commands) this.history.noteRun(words, { operation });
  }

  #answer(client: Asking, operation: Operation, answer: Reply): void {
    this.history.complete(operation, this.#random.chance(0.06) ? this.#wrong(answer) : answer);
    client.pending = undefined;
  }

  /** Another reply, that might be one. */
  #wrong(answer: Reply): Reply {
    if (answer === null) return '$same';
    if (typeof answer !== 'string') return this.#random.chance(0.5) ? null : [...answer].reverse();
    return answer.startsWith('$') ? null : answer === ':1' ? ':0' : answer;
  }
}

describe('the search for an order', () => {
  it('finds one exactly when trying all of them does', () => {
    const count = { right: 0, wrong: 0 };
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const { history } = new Story(randomSource(seed));
      const verdict = new Linearization(history, {
        startMs: START_MS, triesMax: TRIES_MAX, mayLackMemory: false,
      }).run();
      const isRight = hasOrder(history.operations);
      if (isRight) count.right++;
      else count.wrong++;
      expect(verdict.isExplained, `seed ${seed}`).toBe(isRight);
    }
    expect(count.right, 'histories with an order').toBeGreaterThan(HISTORIES / 4);
    expect(count.wrong, 'histories without one').toBeGreaterThan(HISTORIES / 40);
  });
});
