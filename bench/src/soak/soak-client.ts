/**
 * The life of one soak client, until told to stop: commands one at a time, in pipelines, in pieces
 * cut anywhere, with replies left unread for a while, and garbage; then every way to end a
 * connection, in the middle of requests and replies too. Every reply is checked.
 * After an end in the middle nobody knows which commands still ran. So the client waits until the
 * server lists the old connection no more, and starts again from empty keys.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { RandomSource } from '@kora/core/testing';
import { textOfNode } from './soak-model.ts';
import type { SoakStep } from './soak-commands.ts';
import { SoakCommands } from './soak-commands.ts';
import { SoakConnection, requestOf } from './soak-connection.ts';

const PIPELINE_MAX = 40;
const PIECES_MAX = 6;
/** Batches on one connection before it may end. */
const BATCHES_MAX = 30;
const PIECE_PAUSE_MS_MAX = 3;
const UNREAD_MS_MAX = 30;
/** How long the server may list a connection that is gone. */
const GONE_MS_MAX = 10_000;
/** What no request begins with: one error each, then the end. */
const GARBAGE = ['*1\r\n$x\r\n', '*1x\r\n', '*1\r\nx\r\n'];

/** A reply that was not what it had to be, or did not come. */
export class WrongReply extends Error {}

const concatenated = (steps: readonly SoakStep[]): Buffer =>
  Buffer.concat(steps.map((step) => requestOf(step.args)));

export class SoakClient {
  /** Commands whose replies were right, and connections made. */
  commands = 0;
  connections = 0;
  readonly #port: number;
  readonly #random: RandomSource;
  readonly #commands: SoakCommands;
  readonly #name: string;
  /** What the client is doing, for the message of a failure. */
  #doing = '';
  #isStopped = false;

  /** @param name says in a failure which client of which seed it was */
  constructor(port: number, random: RandomSource, client: number, name: string) {
    this.#port = port;
    this.#random = random;
    this.#name = name;
    this.#commands = new SoakCommands(random, client, () => Date.now());
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Lives until stopped, then removes its keys. @throws {WrongReply} */
  async live(): Promise<void> {
    let previousId = '';
    while (!this.#isStopped) {
      const connection = await this.#open(previousId);
      previousId = textOfNode(await connection.call('CLIENT', 'ID')).slice(1);
      const batches = 1 + this.#random.below(BATCHES_MAX);
      for (let i = 0; i < batches && !this.#isStopped; i++) await this.#batch(connection);
      await this.#end(connection);
    }
    const connection = await this.#open(previousId);
    await connection.endPolitely();
  }

  /** A connection with empty keys, once the one before is gone. */
  async #open(previousId: string): Promise<SoakConnection> {
    const connection = await SoakConnection.open(this.#port);
    this.connections++;
    const protocol = this.#random.below(2) + 2;
    await connection.call('HELLO', String(protocol));
    const startMs = performance.now();
    while (previousId !== '') {
      const line = textOfNode(await connection.call('CLIENT', 'LIST', 'ID', previousId));
      if (!line.includes(`id=${previousId} `)) break;
      if (performance.now() - startMs > GONE_MS_MAX) {
        throw new WrongReply(`${this.#name}: a connection that is gone stays listed: ${line}`);
      }
      await pause(1);
    }
    this.#doing = 'new connection';
    await this.#run(connection, this.#commands.cleaning());
    return connection;
  }

  #steps(): SoakStep[] {
    const count = 1 + this.#random.below(PIPELINE_MAX);
    return Array.from({ length: count }, () => this.#commands.next());
  }

  /** Some commands, sent in one of several ways, and all their replies. */
  async #batch(connection: SoakConnection): Promise<void> {
    switch (this.#random.below(4)) {
      case 0:
        this.#doing = 'one at a time';
        for (let i = 0; i < 10; i++) await this.#run(connection, [this.#commands.next()]);
        return;
      case 1:
        this.#doing = 'in pieces';
        return this.#inPieces(connection, this.#steps());
      case 2:
        this.#doing = 'replies left unread';
        return this.#unread(connection, this.#steps());
      default:
        this.#doing = 'pipelined';
        return this.#run(connection, this.#steps());
    }
  }

  async #run(connection: SoakConnection, steps: readonly SoakStep[]): Promise<void> {
    connection.send(concatenated(steps));
    await this.#check(connection, steps);
  }

  /** Cut anywhere, with a moment between the pieces. */
  async #inPieces(connection: SoakConnection, steps: readonly SoakStep[]): Promise<void> {
    const bytes = concatenated(steps);
    const cuts = Array.from(
      { length: this.#random.below(PIECES_MAX) }, () => this.#random.below(bytes.length),
    ).sort((a, b) => a - b);
    let start = 0;
    for (const end of [...cuts, bytes.length]) {
      connection.send(bytes.subarray(start, end));
      start = end;
      await pause(this.#random.below(PIECE_PAUSE_MS_MAX + 1));
    }
    await this.#check(connection, steps);
  }

  /** Replies pile up before they are read. */
  async #unread(connection: SoakConnection, steps: readonly SoakStep[]): Promise<void> {
    connection.socket.pause();
    connection.send(concatenated(steps));
    await pause(this.#random.below(UNREAD_MS_MAX));
    connection.socket.resume();
    await this.#check(connection, steps);
  }

  async #check(connection: SoakConnection, steps: readonly SoakStep[]): Promise<void> {
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) return;
      let wrong: string;
      try {
        wrong = step.check(await connection.reply());
      } catch (cause) {
        wrong = cause instanceof Error ? cause.message : String(cause);
      }
      if (wrong !== '') {
        const shown = step.args.map((arg) => (arg.length > 40 ? `<${arg.length} bytes>` : arg));
        const place = `${this.#doing}, command ${i + 1} of ${steps.length}`;
        throw new WrongReply(`${this.#name}: ${shown.join(' ')}: ${wrong} (${place})`);
      }
      this.commands++;
    }
  }

  /** Ends the connection in one of several ways. */
  async #end(connection: SoakConnection): Promise<void> {
    const steps = this.#steps();
    const bytes = concatenated(steps);
    switch (this.#random.below(7)) {
      case 0:
        this.#doing = 'half closed';
        connection.socket.pause();
        connection.send(bytes);
        connection.socket.end();
        await pause(this.#random.below(UNREAD_MS_MAX));
        connection.socket.resume();
        await this.#check(connection, steps);
        break;
      case 1:
        await this.#expect(connection, requestOf(['QUIT']), /^\+OK$/);
        connection.socket.end();
        break;
      case 2: {
        const garbage = Buffer.from(this.#commands.pick(GARBAGE), 'latin1');
        await this.#expect(connection, garbage, /^-ERR Protocol error/);
        connection.socket.end();
        break;
      }
      case 3:
        connection.send(bytes);
        return connection.reset();
      case 4:
        connection.send(bytes.subarray(0, this.#random.below(bytes.length)));
        await pause(this.#random.below(PIECE_PAUSE_MS_MAX));
        return connection.reset();
      case 5:
        connection.socket.pause();
        connection.send(bytes);
        await pause(this.#random.below(UNREAD_MS_MAX));
        return connection.drop();
      default:
        connection.send(bytes.subarray(0, this.#random.below(bytes.length)));
        return connection.drop();
    }
    await connection.closed;
  }

  async #expect(connection: SoakConnection, bytes: Uint8Array, pattern: RegExp): Promise<void> {
    connection.send(bytes);
    const got = textOfNode(await connection.reply());
    if (!pattern.test(got)) throw new WrongReply(`${this.#name}: ${got}, not ${String(pattern)}`);
  }
}
