/**
 * Clients of a test that may wait for keys: whatever they are served later is kept, in the order in
 * which it came, with the clock's time of a wait's end looked at when the test asks. Stands for the
 * host of waits (waiting/waiter.ts) that a server has in its sessions.
 *   const clients = new WaitingClients(driver);
 *   const blocked = clients.open();
 *   clients.run(blocked, 'BLPOP', 'k', '0')    // null: it waits
 *   driver.run('RPUSH', 'k', 'x')
 *   clients.takeServed()                       // [[blocked, '*[$"k" $"x"]']]
 */
import type { ClientState } from '../command/client-state.ts';
import type { ReplySink } from '../command/sink.ts';
import type { Waiter, WaitHost } from '../waiting/waiter.ts';
import type { CommandDriver, DriverArgument } from './command-driver.ts';
import { notationOf } from './recorded-reply.ts';
import { RecordingSink } from './recording-sink.ts';

/** What answers a wait that ended without a key. */
const NOTHING = '*_';

/** A client, and its reply in notation. */
export type Served = readonly [ClientState, string];

export class WaitingClients implements WaitHost {
  readonly #driver: CommandDriver;
  readonly #sink: RecordingSink;
  readonly #waiters = new Set<Waiter>();
  #served: Served[] = [];
  /** False: no key may serve them. */
  mayClaim = true;
  /** Bytes of a reply that there is memory for. */
  roomBytes = Infinity;

  constructor(driver: CommandDriver) {
    this.#driver = driver;
    this.#sink = new RecordingSink(driver.memory);
  }

  /** Clients that wait. */
  get waitingCount(): number {
    return this.#waiters.size;
  }

  /** A client whose commands may wait. */
  open(resp: 2 | 3 = 2): ClientState {
    const client = this.#driver.newClient(resp);
    client.waitHost = this;
    return client;
  }

  /** Runs a command; null when it waits. */
  run(client: ClientState, ...args: readonly DriverArgument[]): string | null {
    const reply = this.#driver.offer(client, args);
    return reply === null ? null : notationOf(reply);
  }

  /** Replies of commands that waited, since the last call, in their order. */
  takeServed(): Served[] {
    const served = this.#served;
    this.#served = [];
    return served;
  }

  /** The client is gone, or its wait is ended without a reply. */
  drop(client: ClientState): void {
    const { waiter } = client;
    if (waiter === null) return;
    this.#forget(waiter);
    this.#driver.shard.waiting.cancel(waiter);
  }

  /** Ends the waits whose time is over. */
  endDue(): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.untilMs > this.#driver.clock.nowMs()) continue;
      this.drop(waiter.client);
      this.#served.push([waiter.client, NOTHING]);
    }
  }

  begin(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  hasRoom(_waiter: Waiter, bytes: number): boolean {
    return bytes <= this.roomBytes;
  }

  claim(): boolean {
    return this.mayClaim;
  }

  answer(waiter: Waiter, write: (out: ReplySink) => void): void {
    this.#sink.resp = waiter.client.resp;
    write(this.#sink);
    this.#forget(waiter);
    this.#served.push([waiter.client, notationOf(this.#sink.take())]);
  }

  #forget(waiter: Waiter): void {
    waiter.client.waiter = null;
    this.#waiters.delete(waiter);
  }
}
