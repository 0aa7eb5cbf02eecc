/**
 * Three workers on real threads answer every connection byte for byte as one worker does: random
 * pipelines, cut at random bytes, of commands on keys that are each connection's own, on every
 * engine that this machine offers; some clients end their half after the last request, some vanish
 * in the middle. And what connections do to the same keys together adds up. Needs a build.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { SeededChance } from '@kora/core';
import { encodeRequest } from '@kora/protocol';
import { describe, expect, it } from 'vitest';
import { WORKER_ENGINES, ThreadedServer } from './testing/threaded-server.ts';

const SEED = 20_261_120;
const CONNECTIONS = 12;
const REQUESTS = 250;
const KEYS = 10;
const PIECE_BYTES_MAX = 60_000;

class Dice {
  readonly #chance: SeededChance;

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
  }

  below(bound: number): number {
    return (this.#chance.next32() >>> 0) % bound;
  }

  /** A value of a length that goes through rings, beyond them, and into ropes. */
  value(): string {
    const kind = this.below(60);
    const letter = String.fromCharCode(97 + this.below(26));
    if (kind === 0) return letter.repeat(65_536 + this.below(235_000));
    if (kind < 3) return letter.repeat(16_000 + this.below(40_000));
    if (kind < 10) return letter.repeat(this.below(3000));
    return letter.repeat(this.below(30));
  }
}

function command(dice: Dice, name: string, isInMulti: boolean): string[] {
  const key = `${name}:${dice.below(KEYS)}`;
  const other = `${name}:${dice.below(KEYS)}`;
  const commands: (() => string[])[] = [
    () => ['SET', key, dice.value()], () => ['SET', key, dice.value()], () => ['GET', key],
    () => ['GET', key], () => ['APPEND', key, dice.value()], () => ['STRLEN', key],
    () => ['INCR', `${name}:n${dice.below(KEYS)}`], () => ['RPUSH', `${name}:l`, dice.value()],
    () => ['LRANGE', `${name}:l`, '0', '3'], () => ['LPOP', `${name}:l`], () => ['DEL', key],
    () => ['MSET', key, dice.value(), other, '1'], () => ['MGET', key, other, `${name}:none`],
    () => ['MGET', ...Array.from({ length: KEYS }, (_, i) => `${name}:${i}`)],
    () => ['EXISTS', key, other, key], () => ['DEL', key, other, key], () => ['TYPE', key],
    () => ['PING'], () => ['ECHO', dice.value()], () => ['NOSUCH', key], () => ['GET'],
    () => ['SELECT', String(dice.below(2))], () => ['MULTI'], () => ['EXEC'], () => ['EXEC'],
    () => ['WATCH', key, other], () => ['UNWATCH'], () => ['HSET', `${name}:h`, 'f', dice.value()],
    () => ['HGET', `${name}:h`, 'f'], () => ['INCR', `${name}:l`],
  ];
  const words = commands[dice.below(commands.length)]?.() ?? ['PING'];
  return isInMulti && words[0] === 'DISCARD' ? ['PING'] : words;
}

/** All requests of a connection, the last of them EXEC so that none stays in MULTI. */
function requests(dice: Dice, name: string): Buffer {
  const all: Uint8Array[] = [];
  let isInMulti = false;
  for (let i = 0; i < REQUESTS; i++) {
    const words = command(dice, name, isInMulti);
    if (words[0] === 'MULTI') isInMulti = true;
    if (words[0] === 'EXEC') isInMulti = false;
    all.push(encodeRequest(words));
  }
  all.push(encodeRequest(['EXEC']), encodeRequest(['ECHO', 'the end']));
  return Buffer.concat(all);
}

/** Sends the bytes in pieces and reads all replies, until the server ends the connection. */
async function play(port: number, bytes: Buffer, dice: Dice): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const replies: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve, reject) => {
    socket.on('data', (piece: Buffer) => replies.push(piece));
    socket.on('end', () => {
      resolve(Buffer.concat(replies));
    });
    socket.on('error', reject);
  });
  for (let from = 0; from < bytes.length; ) {
    const piece = bytes.subarray(from, from + 1 + dice.below(PIECE_BYTES_MAX));
    from += piece.length;
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
    if (dice.below(4) === 0) await new Promise(setImmediate);
  }
  socket.end();
  const received = await ended;
  socket.destroy();
  return received;
}

/** Sends a part of the bytes and is gone. */
async function vanish(port: number, bytes: Buffer, dice: Dice): Promise<void> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(bytes.subarray(0, dice.below(bytes.length)));
  for (let turns = dice.below(5); turns > 0; turns--) await new Promise(setImmediate);
  if (dice.below(2) === 0) socket.resetAndDestroy();
  else socket.destroy();
}

const expected = new Map<number, Buffer>();

/** What one worker answers; asked once for all engines. */
async function expectedReplies(port: number, connection: number): Promise<Buffer> {
  const known = expected.get(connection);
  if (known !== undefined) return known;
  const dice = new Dice(SEED + connection);
  const replies = await play(port, requests(dice, `c${connection}`), dice);
  expected.set(connection, replies);
  return replies;
}

describe.each(WORKER_ENGINES)('three workers under traffic, io %s', (io) => {
  it('answer as one does, byte for byte', async () => {
    const one = await ThreadedServer.start({ io, workers: 1 });
    const three = await ThreadedServer.start({ io, workers: 3 });
    const vanishing = Array.from({ length: CONNECTIONS }, async (_, i) => {
      const dice = new Dice(SEED - 1 - i);
      for (let round = 0; round < 3; round++) {
        await vanish(three.address.port, requests(dice, `gone${i}`), dice);
      }
    });
    const played = Array.from({ length: CONNECTIONS }, async (_, i) => {
      const dice = new Dice(SEED + i);
      const found = await play(three.address.port, requests(dice, `c${i}`), dice);
      const wanted = await expectedReplies(one.address.port, i);
      const at = wanted.findIndex((byte, place) => byte !== found[place]);
      const around = (bytes: Buffer): string =>
        JSON.stringify(bytes.toString('latin1', Math.max(0, at - 80), at + 40));
      const shown = `connection ${i}, seed ${SEED + i}: of ${wanted.length} bytes came ` +
        `${found.length}; at ${at} ${around(wanted)} became ${around(found)}`;
      expect(found.equals(wanted), shown).toBe(true);
    });
    await Promise.all([...played, ...vanishing]);
    const client = await three.connect();
    expect(await client.call('PING')).toBe('+PONG');
    await one.close();
    await three.close();
    expect(three.log.join('\n')).not.toMatch(/failed|internal error/);
  });

  it('lose no update of what several change together', async () => {
    const served = await ThreadedServer.start({ io, workers: 3 });
    const clients = await served.connectMany(CONNECTIONS);
    const keys = Array.from({ length: 6 }, (_, i) => `n${i}`);
    const block = `MULTI\r\n${keys.map((key) => `INCR ${key}\r\n`).join('')}EXEC\r\n`;
    const rounds = 60;
    let swapped = 0;
    await Promise.all(clients.map(async (client, i) => {
      for (let round = 0; round < rounds; round++) {
        client.send(block);
        const replies = await client.replies(keys.length + 2);
        const numbers = /^\[(:\d+(?:, )?){6}\]$/.exec(replies.at(-1) ?? '');
        expect(numbers, String(replies.at(-1))).not.toBeNull();
        expect(new Set(replies.at(-1)?.match(/\d+/g)).size, 'all are one number').toBe(1);
        if (i % 3 !== 0) continue;
        // A counter without INCR: right only where WATCH tells of every change.
        await client.call('WATCH', 'sum', `other${i}`);
        const before = Number(JSON.parse((await client.call('GET', 'sum')).replace('_', '"0"')));
        client.send(`MULTI\r\nSET sum ${before + 1}\r\nSET other${i} ${round}\r\nEXEC\r\n`);
        const outcome = (await client.replies(4)).at(-1);
        if (outcome === '_') continue;
        expect(outcome).toBe('[+OK, +OK]');
        swapped++;
      }
    }));
    const [client] = clients;
    const total = `"${CONNECTIONS * rounds}"`;
    expect(await client?.call('MGET', ...keys)).toBe(`[${keys.map(() => total).join(', ')}]`);
    expect(await client?.call('GET', 'sum')).toBe(`"${swapped}"`);
    expect(swapped).toBeGreaterThan(0);
    await served.close();
  });
});
