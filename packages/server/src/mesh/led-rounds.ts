/**
 * The coordinator's side of commands that one shard runs for several (led-parts.ts): what the
 * others have lent goes to the leader before it runs, and what it changed of their keys goes to
 * them after.
 *   votes         the records of every shard but the leader's, as bytes of their answers
 *   leader runs   answers its reply, and records for each shard whose keys it changed
 *   last round    these shards only; the others are released
 */
import type { Transaction, WorkerMemory } from '@kora/core';
import { assert } from '@kora/core';
import type { CargoStore } from './cargo-store.ts';
import type { MeshPort } from './mesh-port.ts';
import { KIND_CARGO } from './message-kinds.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { BlockSender } from './send-block.ts';

type LedTransaction = Transaction<unknown, ReplyBytes>;

/** What has been done of a command whose leader names keys before it runs. */
const Stage = Object.freeze({ Voted: 0, Named: 1, Lent: 2, Done: 3 } as const);

export class LedRounds {
  readonly #memory: WorkerMemory;
  readonly #port: MeshPort;
  /** Where what goes to the own shard is kept for it. */
  readonly #cargo: CargoStore;
  readonly #sender: BlockSender;
  /** By handle and shard: what the leader changed there. */
  readonly #changes = new Map<number, (ReplyBytes | null)[]>();
  /** By handle, of commands whose leaders name keys: one of Stage, where it is not Voted. */
  readonly #stages = new Map<number, number>();

  constructor(memory: WorkerMemory, port: MeshPort, cargo: CargoStore) {
    this.#memory = memory;
    this.#port = port;
    this.#cargo = cargo;
    this.#sender = new BlockSender(memory, port);
  }

  /** Transactions whose leaders have told changes that nobody has got yet. */
  get count(): number {
    return this.#changes.size;
  }

  /** The leader tells what it changed of a shard's keys. */
  addChanges(handle: number, shard: number, at: number, bytes: number): void {
    let changes = this.#changes.get(handle);
    if (changes === undefined) {
      const { workerCount } = this.#port.control;
      changes = new Array<ReplyBytes | null>(workerCount).fill(null);
      this.#changes.set(handle, changes);
    }
    const ofShard = changes[shard] ?? new ReplyBytes(this.#memory);
    changes[shard] = ofShard;
    ofShard.add(at, bytes);
    assert(!ofShard.isLost, 'low memory holds the changes of a command');
  }

  /** Mask of the shards that have to carry out changes. */
  next({ handle }: LedTransaction): number {
    let mask = 0;
    for (const [shard, changes] of (this.#changes.get(handle) ?? []).entries()) {
      if (changes !== null) mask |= 1 << shard;
    }
    return mask;
  }

  /**
   * Mask of the shards that run next of a command whose leader names keys before it runs: the
   * leader, which names them; their owners, which lend them; the leader.
   */
  nextStage(transaction: LedTransaction, leader: number): number {
    const { handle, refused } = transaction;
    const stage = this.#stages.get(handle) ?? Stage.Voted;
    if (stage === Stage.Voted) {
      this.#stages.set(handle, Stage.Named);
      return 1 << leader;
    }
    if (stage === Stage.Done) return 0;
    const owners = stage === Stage.Named && refused === 0 ? this.next(transaction) : 0;
    if (owners !== 0) {
      this.#stages.set(handle, Stage.Lent);
      return owners;
    }
    // Somebody had no memory for the names or the values: the leader answers that.
    if (refused !== 0) this.#lose(leader, handle);
    this.#changes.delete(handle);
    this.#stages.set(handle, Stage.Done);
    return 1 << leader;
  }

  /** Sends what the shard needs to run its next step; the word to run follows. */
  beforeRun(transaction: LedTransaction, leader: number, shard: number): void {
    const { handle, replies } = transaction;
    if (shard !== leader) {
      const changes = this.#changes.get(handle)?.[shard] ?? null;
      if (changes !== null) this.#send(shard, handle, changes);
      return;
    }
    for (const [from, lent] of replies.entries()) {
      if (lent === null) continue;
      if (from !== leader) this.#send(leader, handle, lent);
      else lent.free();
      replies[from] = null;
    }
  }

  /** The transaction is over. */
  end(handle: number): void {
    this.#changes.delete(handle);
    this.#stages.delete(handle);
  }

  #lose(shard: number, handle: number): void {
    const { me } = this.#port;
    if (shard === me) this.#cargo.lose(me, handle);
    else this.#port.sendWords(this.#port.peer(shard), KIND_CARGO, handle, 1, 0, 0, 0);
  }

  #send(shard: number, handle: number, block: ReplyBytes): void {
    const { me } = this.#port;
    const { at, bytes } = block;
    if (shard === me) {
      if (block.isLost) this.#cargo.lose(me, handle);
      else this.#cargo.add(me, handle, at, bytes);
      block.free();
      return;
    }
    const peer = this.#port.peer(shard);
    if (block.isLost) this.#lose(shard, handle);
    else if (bytes > 0) this.#sender.send(peer, KIND_CARGO, handle, 0, block.take(), bytes);
    else block.free();
  }
}
