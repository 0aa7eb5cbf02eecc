/**
 * Searches that threads are at while their clients wait. A command that searches a set whose index
 * has threads asks them and is parked: it has written nothing. When the candidates come it runs
 * once more, from a copy of its arguments, on what is there then; only its search is not made again
 * but takes them. So whatever has happened to the key meanwhile the reply is one that the command
 * could have given at that moment.
 *   running --asked--> parked --answered: runs again--> replied
 *                        '--refused, key locked, another index: runs again, searching here--^
 * Candidates are ranked by the elements. One that was removed or overwritten meanwhile, and with a
 * filter any change of attributes, leads to a search in place: no answer is short.
 * Not parked: commands of EXEC, of clients that nobody hands later replies, of clients that track
 *   (what they cache must not be older than the invalidations they have had), and NOTHREAD.
 * Bounds: what the threads take at once; the arguments' bytes are bounded with the queues of MULTI.
 */
import { assert } from '../../assert.ts';
import { ArgFrame } from '../../command/arg-frame.hot.ts';
import type { ClientState } from '../../command/client-state.ts';
import { ClientFlag, ClientState as Client } from '../../command/client-state.ts';
import { findCommand } from '../../command/gate.ts';
import type { ReplySink } from '../../command/sink.ts';
import { ReplyError, replyErrors } from '../../errors/reply-error.ts';
import { Stat } from '../../keyspace/statistics.ts';
import type { Shard } from '../../shard/shard.ts';
import type { SearchedIndex } from './vector-room.ts';
import type { FilterStrategy, VectorFilter } from './vector-engine.ts';

/** Whoever lets clients wait for searches and hands them their replies. */
export interface SearchHost {
  /** Whether the running command of the client may answer later. */
  mayPark(client: ClientState): boolean;
  /** It does. */
  begin(search: ParkedSearch): void;
  /** Its reply. `write` is called before this returns, or never: nobody waits for it any more. */
  answer(search: ParkedSearch, write: (out: ReplySink) => void): void;
}

/** A client's command that was parked. */
export interface ParkedSearch {
  readonly client: ClientState;
  readonly host: SearchHost;
  readonly at: Int32Array;
  readonly bytes: Int32Array;
  /** Block of low memory with the arguments. */
  readonly ref: number;
  readonly searched: SearchedIndex;
}

/** What a search is to find. */
export interface Candidates {
  readonly query: Float32Array;
  readonly count: number;
  readonly ef: number;
  readonly filter: VectorFilter | null;
  readonly strategy: FilterStrategy;
}

/** What threads have found for the command that runs again. */
export interface FoundSlots {
  readonly searched: SearchedIndex;
  readonly slots: readonly number[];
}

const NO_PARK = ClientFlag.InExec | ClientFlag.Internal | ClientFlag.Tracks;
const KEY = 1;

export class ParkedSearches {
  /** Commands that wait. */
  count = 0;
  readonly #shard: Shard;
  readonly #frame: ArgFrame;
  /** Answered, but their keys are locked: they run as soon as these are not. */
  #locked: ParkedSearch[] = [];
  #found: FoundSlots | null = null;
  #isRunning = false;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#frame = new ArgFrame(shard.memory, new Client(0));
  }

  /** Parks the command in the frame. @returns false: it is to search itself */
  park(frame: ArgFrame, searched: SearchedIndex, wanted: Candidates): boolean {
    const { client } = frame;
    const host = client.searchHost;
    if (host === null || this.#isRunning || (client.flags & NO_PARK) !== 0) return false;
    if (!host.mayPark(client)) return false;
    const search = this.#copy(frame, client, host, searched);
    if (search === null) return false;
    const { query, count, ef, filter, strategy } = wanted;
    const isAsked = searched.index.ask(query, count, ef, filter, strategy, (slots) => {
      this.#answer(search, slots);
    });
    if (!isAsked) {
      this.#free(search);
      return false;
    }
    this.count++;
    host.begin(search);
    return true;
  }

  /** What was found for the command that runs, if it runs for the second time. */
  takeFound(): FoundSlots | null {
    const found = this.#found;
    this.#found = null;
    return found;
  }

  /** Runs what waited for locks that have gone. */
  look(): void {
    if (this.#locked.length === 0) return;
    const locked = this.#locked;
    this.#locked = [];
    for (const search of locked) this.#answer(search, null);
  }

  #copy(
    frame: ArgFrame, client: ClientState, host: SearchHost, searched: SearchedIndex,
  ): ParkedSearch | null {
    const { memory, transactions } = this.#shard;
    const argc = frame.count;
    const bytes = frame.bytes.slice(0, argc);
    const ref = transactions.queues.take(bytes.reduce((sum, each) => sum + each, 0));
    if (ref === 0) return null;
    const at = new Int32Array(argc);
    let to = ref * 8;
    for (let i = 0; i < argc; i++) {
      assert(!frame.isBig(i), 'arguments of a search are flat');
      at[i] = to;
      memory.kernel.copy(to, frame.at[i] ?? 0, bytes[i] ?? 0);
      to += bytes[i] ?? 0;
    }
    return { client, host, at, bytes, ref, searched };
  }

  #free({ ref }: ParkedSearch): void {
    this.#shard.transactions.queues.give(ref);
  }

  #answer(search: ParkedSearch, slots: readonly number[] | null): void {
    const { guard } = this.#shard.waiting;
    if (guard?.(search.at[KEY] ?? 0, search.bytes[KEY] ?? 0) === true) {
      this.#locked.push(search);
      return;
    }
    this.count--;
    this.#found = slots === null ? null : { searched: search.searched, slots };
    this.#isRunning = true;
    search.host.answer(search, (out) => { this.#run(search, out); });
    this.#isRunning = false;
    this.#found = null;
    this.#free(search);
  }

  /** Runs the command once more; answers also when it throws. */
  #run({ client, at, bytes }: ParkedSearch, out: ReplySink): void {
    const shard = this.#shard;
    const frame = this.#frame;
    const { counts } = shard.stats;
    const [hits, misses] = [counts[Stat.KeyspaceHits] ?? 0, counts[Stat.KeyspaceMisses] ?? 0];
    const { errorCount, progress } = out;
    const { mutations } = shard;
    shard.unit = (shard.unit + 1) | 0;
    frame.client = client;
    frame.bind(at, bytes, at.length);
    const command = findCommand(shard, shard.engine.registry, frame);
    assert(!(command instanceof ReplyError), 'a command that ran is there when it runs again');
    try {
      const error = command.parse(frame);
      if (error === null) command.apply(shard, frame, out);
      else out.error(error);
      if (out.errorCount !== errorCount) this.#countFailure(command.index, out.lastError);
    } catch (cause) {
      shard.onUnexpectedError(cause, command.name, shard.mutations !== mutations);
      if (out.progress === progress) out.error(replyErrors.internal);
      else out.breakOff(replyErrors.internal);
      this.#countFailure(command.index, replyErrors.internal);
    }
    // Its look-ups were counted when it was parked.
    counts[Stat.KeyspaceHits] = hits;
    counts[Stat.KeyspaceMisses] = misses;
  }

  #countFailure(index: number, error: ReplyError | null): void {
    const { stats } = this.#shard;
    stats.failed[index] = (stats.failed[index] ?? 0) + 1;
    stats.countError(error?.prefix ?? 'ERR');
  }
}
