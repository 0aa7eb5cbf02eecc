/**
 * Random clients that wait, and changes, against redis-server: every reply, who is served by which
 * change, in which order, and what is left. Several clients wait at once; transactions make several
 * keys ready at one moment; clients go away and are unblocked.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RedisConnection } from '../../reference/redis-server.ts';
import { RedisServer } from '../../reference/redis-server.ts';
import type { ClientState } from '../command/client-state.ts';
import { CommandDriver } from '../testing/command-driver.ts';
import type { RandomSource } from '../testing/random-source.ts';
import { randomSource } from '../testing/random-source.ts';
import { RandomWaitingCommands } from '../testing/random-waiting-commands.ts';
import { notationOf } from '../testing/recorded-reply.ts';
import { WaitingClients } from '../testing/waiting-clients.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const STEPS = 300;
const CLIENTS_MAX = 7;
/** Looks at how many wait before the test gives up. */
const LOOKS_MAX = 5_000;

let server: RedisServer;
beforeAll(async () => { server = await RedisServer.start(); });
afterAll(async () => { await server.stop(); });

/** One client on both sides. */
interface Pair {
  readonly theirs: RedisConnection;
  readonly ours: ClientState;
  readonly id: string;
  command: string;
  /** What redis-server answered to the command that waits; undefined while it waits. */
  reply: string | undefined;
}

class Comparison {
  readonly driver = new CommandDriver();
  readonly clients = new WaitingClients(this.driver);
  readonly #control = server.connection();
  /** Looks at how many wait, also while the other is in MULTI. */
  readonly #watcher = server.connection();
  readonly #pairs: Pair[] = [];
  readonly #where: () => string;
  #waiting = 0;

  constructor(where: () => string) {
    this.#where = where;
  }

  async start(): Promise<void> {
    await this.#control.ask(['FLUSHALL']);
  }

  async open(): Promise<void> {
    const theirs = server.connection();
    const id = await theirs.ask(['CLIENT', 'ID']);
    const ours = this.clients.open();
    this.#pairs.push({ theirs, ours, id: textOf(id), command: '', reply: undefined });
  }

  /** Clients that do not wait. */
  get free(): readonly Pair[] {
    return this.#pairs.filter(({ ours }) => ours.waiter === null);
  }

  get blocked(): readonly Pair[] {
    return this.#pairs.filter(({ ours }) => ours.waiter !== null);
  }

  async wait(pair: Pair, command: readonly string[]): Promise<void> {
    pair.reply = undefined;
    pair.command = command.join(' ');
    void pair.theirs.ask(command).then((reply) => { pair.reply = notationOf(reply); });
    const before = this.#waiting;
    await this.#until(async () => {
      if (pair.reply !== undefined) return true;
      return (await this.#blockedCount()) > before;
    });
    const reply = this.clients.run(pair.ours, ...command);
    expect(pair.reply ?? null, this.#where()).toBe(reply);
    if (reply === null) this.#waiting++;
    await this.#compareServed(); // A move that did not wait may serve others.
  }

  async change(command: readonly string[]): Promise<void> {
    const theirs = notationOf(await this.#control.ask(command));
    expect(this.driver.run(...command), this.#where()).toBe(theirs);
    await this.#compareServed();
  }

  async unblock(pair: Pair, isError: boolean): Promise<void> {
    await this.#control.ask(['CLIENT', 'UNBLOCK', pair.id, isError ? 'ERROR' : 'TIMEOUT']);
    await this.#until(() => Promise.resolve(pair.reply !== undefined));
    this.clients.drop(pair.ours);
    this.#waiting--;
    await this.#compareServed();
  }

  async disconnect(pair: Pair): Promise<void> {
    pair.theirs.close();
    if (pair.ours.waiter !== null) this.#waiting--;
    this.clients.drop(pair.ours);
    this.#pairs.splice(this.#pairs.indexOf(pair), 1);
    await this.#until(async () => (await this.#blockedCount()) === this.#waiting);
  }

  close(): void {
    this.#control.close();
    this.#watcher.close();
    for (const { theirs } of this.#pairs) theirs.close();
  }

  async #compareServed(): Promise<void> {
    const served = this.clients.takeServed();
    this.#waiting -= served.length;
    expect(await this.#blockedCount(), this.#where()).toBe(this.#waiting);
    for (const [client, reply] of served) {
      const pair = this.#pairs.find(({ ours }) => ours === client);
      await this.#until(() => Promise.resolve(pair?.reply !== undefined));
      expect(pair?.reply, `${this.#where()}: ${pair?.command ?? ''}`).toBe(reply);
    }
  }

  async #blockedCount(): Promise<number> {
    const text = textOf(await this.#watcher.ask(['INFO', 'clients']));
    return Number(/blocked_clients:(\d+)/.exec(text)?.[1]);
  }

  async #until(isTrue: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < LOOKS_MAX; i++) {
      if (await isTrue()) return;
      await this.#watcher.ask(['PING']);
    }
    expect.fail(`${this.#where()}: it does not come about`);
  }
}

function textOf(reply: Parameters<typeof notationOf>[0]): string {
  return 'text' in reply ? reply.text : '';
}

async function step(
  comparison: Comparison, commands: RandomWaitingCommands, random: RandomSource,
): Promise<void> {
  const { free, blocked } = comparison;
  const one = free[random.below(Math.max(1, free.length))];
  const other = blocked[random.below(Math.max(1, blocked.length))];
  const kind = random.below(20);
  if (kind < 8 && one !== undefined) await comparison.wait(one, commands.waiting());
  else if (kind === 8 && other !== undefined) await comparison.unblock(other, random.chance(0.5));
  else if (kind === 9 && other !== undefined) {
    await comparison.disconnect(other);
    await comparison.open();
  } else if (kind === 10) {
    await comparison.change(['MULTI']);
    for (let i = random.below(5); i >= 0; i--) {
      await comparison.change(random.chance(0.2) ? commands.waiting() : commands.change());
    }
    await comparison.change(['EXEC']);
  } else {
    await comparison.change(commands.change());
  }
}

describe('waiting for keys', () => {
  it.each(SEEDS)('is as in redis-server, seed %i', async (seed) => {
    const random = randomSource(seed);
    const commands = new RandomWaitingCommands(random, ['a', 'b', 'c', 'd'].slice(random.below(3)));
    let at = 0;
    const comparison = new Comparison(() => `seed ${seed}, step ${at}`);
    try {
      await comparison.start();
      for (let i = 0; i < CLIENTS_MAX; i++) await comparison.open();
      for (; at < STEPS; at++) await step(comparison, commands, random);
      for (const pair of comparison.blocked) await comparison.disconnect(pair);
      expect(comparison.driver.shard.waiting.count).toBe(0);
    } finally {
      comparison.close();
    }
  }, 60_000);
});
