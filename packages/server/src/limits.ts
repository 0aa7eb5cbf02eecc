/**
 * The limits on connections, read from the settings and kept current: how many, from where, how
 * idle, how much they may send without finishing a request, how much they may leave unread, how
 * much memory all of them may take.
 * What each limit does is what redis-server does; the worker asks at the places where a limit can
 * be passed, and what time alone brings about is done every tick. Cost of a tick: O(sessions) with
 * `timeout` or `maxmemory-clients`, or while some session is closing or above a soft limit.
 */
import type { OutputLimit, Settings, WorkerMemory } from '@kora/core';
import { BIG_ARGUMENT_BYTES_MIN, ClientFlag, outputLimitTable, Stat } from '@kora/core';
import type { RequestLimits } from '@kora/protocol';
import { BULK_BYTES_CEILING, requestLimits } from '@kora/protocol';
import type { Peer } from './io/engine.ts';
import type { LowText } from './low-text.ts';
import { placeText } from './low-text.ts';
import { MAX_CLIENTS_REFUSAL, PROTECTED_MODE_REFUSAL } from './refusal-texts.ts';
import { Hold, OutputClass } from './session.ts';
import type { Session } from './session.ts';
import type { Worker } from './worker.ts';

/**
 * Replies a peer may leave unread before its next request has to wait; half of it lets it go on.
 */
export const UNREAD_BYTES_MAX = 1024 * 1024;
/** The same in sends that have not left, so that many tiny replies are bounded too. */
export const UNREAD_SENDS_MAX = 1024;
/** How long a connection that is being closed may take to read its last replies. */
export const CLOSING_MS_MAX = 2_000;
/** Connections that may linger so; beyond it those without unread replies are closed at once. */
export const CLOSING_COUNT_MAX = 1024;

const UNLIMITED: OutputLimit = Object.freeze({ hardBytes: 0, softBytes: 0, softSeconds: 0 });

/** True when the peer has to read before its next request runs. */
export function isUnread(session: Session): boolean {
  return session.outputBytes >= UNREAD_BYTES_MAX || session.pinnedCount >= UNREAD_SENDS_MAX;
}

/** True when a peer that had to read has read enough to go on. */
export function isRead(session: Session): boolean {
  return session.outputBytes < UNREAD_BYTES_MAX / 2 && session.pinnedCount < UNREAD_SENDS_MAX / 2;
}

export class Limits {
  /** Shared with every parser. */
  readonly request: RequestLimits = requestLimits({ bigBulkBytes: BIG_ARGUMENT_BYTES_MIN });
  queryBytesMax = Infinity;
  keepAliveSeconds = 0;
  /** True: who begins like a browser is cut, for what follows could be commands of its body. */
  readonly suspectsHttp: boolean = true;
  #clientsMax = 0;
  #idleSeconds = 0;
  #isProtected = true;
  #hasPassword = false;
  /** Negative: percent of maxmemory. */
  #allClientsBytes = 0;
  #maxmemoryBytes = 0;
  /** By OutputClass. */
  #output: readonly OutputLimit[] = [UNLIMITED, UNLIMITED, UNLIMITED];
  /** Some session may be above its soft limit. */
  #hasSoftExcess = false;
  /** All clients together take more than half of `maxmemory-clients`. */
  #areClientsLarge = false;
  /** The session that relieveChunks cut last. */
  #relieved: Session | null = null;
  readonly #tooMany: LowText;
  readonly #protected: LowText;

  constructor(settings: Settings, memory: WorkerMemory) {
    this.#tooMany = placeText(memory, MAX_CLIENTS_REFUSAL);
    this.#protected = placeText(memory, PROTECTED_MODE_REFUSAL);
    settings.bind('maxclients', ({ number }) => { this.#clientsMax = number; });
    settings.bind('timeout', ({ number }) => { this.#idleSeconds = number; });
    settings.bind('tcp-keepalive', ({ number }) => { this.keepAliveSeconds = number; });
    settings.bind('protected-mode', ({ number }) => { this.#isProtected = number === 1; });
    settings.bind('requirepass', ({ text }) => { this.#hasPassword = text !== ''; });
    settings.bind('client-query-buffer-limit', ({ number }) => {
      this.queryBytesMax = number;
      // A longer frame cannot complete within the limit: the parser may refuse it by its header.
      this.request.frameBytesMax = number;
    });
    settings.bind('proto-max-bulk-len', ({ number }) => {
      this.request.bulkBytesMax = Math.min(number, BULK_BYTES_CEILING);
    });
    settings.bind('maxmemory', ({ number }) => { this.#maxmemoryBytes = number; });
    settings.bind('maxmemory-clients', ({ number }) => { this.#allClientsBytes = number; });
    settings.bind('client-output-buffer-limit', ({ text }) => {
      const table = outputLimitTable(text);
      this.#output = [
        table.get('normal') ?? UNLIMITED, table.get('slave') ?? UNLIMITED,
        table.get('pubsub') ?? UNLIMITED,
      ];
      this.#hasSoftExcess = true; // The next tick looks who is above the new ones.
    });
    this.#hasSoftExcess = false; // Nobody is connected yet.
  }

  /** `maxclients`. */
  get clientsMax(): number {
    return this.#clientsMax;
  }

  /** `maxmemory-clients` in bytes, 0 = no limit. */
  get allClientsBytesMax(): number {
    if (this.#allClientsBytes >= 0) return this.#allClientsBytes;
    return Math.floor((this.#maxmemoryBytes * -this.#allClientsBytes) / 100);
  }

  /** What to tell a new connection that is refused, or null when it may stay. */
  refusalOf(peer: Peer, clientCount: number): LowText | null {
    if (clientCount >= this.#clientsMax) return this.#tooMany;
    const isStranger = this.#isProtected && !this.#hasPassword && !peer.isLoopback;
    return isStranger ? this.#protected : null;
  }

  /** Cuts the session when it has left more unread than its class may. */
  checkOutput(worker: Worker, session: Session): void {
    const limit = this.#output[session.outputClass] ?? UNLIMITED;
    const { outputBytes } = session;
    if (limit.hardBytes !== 0 && outputBytes > limit.hardBytes) {
      this.#cutForOutput(worker, session);
      return;
    }
    if (limit.softBytes === 0 || outputBytes <= limit.softBytes) {
      session.softLimitSinceMs = 0;
      return;
    }
    const { nowMs } = worker.shard;
    if (session.softLimitSinceMs === 0) session.softLimitSinceMs = nowMs;
    this.#hasSoftExcess = true;
    const overMs = nowMs - session.softLimitSinceMs;
    if (overMs > limit.softSeconds * 1000) this.#cutForOutput(worker, session);
  }

  #cutForOutput(worker: Worker, session: Session): void {
    worker.count(Stat.OutputLimitDisconnections);
    worker.log('warning', `client ${session.id} cut: it reached client-output-buffer-limit`);
    worker.cut(session);
  }

  /**
   * Reply chunks are scarce: cuts the session that holds most of them, closing ones included. One
   * at a time, since its chunks come back only when its connection is gone.
   */
  relieveChunks(worker: Worker): void {
    const { sessions } = worker;
    const cut = this.#relieved;
    if (cut !== null && sessions.atSlot(cut.slot) === cut) return;
    let largest: Session | null = null;
    let bytesMost = 0;
    for (const session of sessions.all()) {
      if (session.pinnedBytesMax <= bytesMost) continue;
      largest = session;
      bytesMost = session.pinnedBytesMax;
    }
    this.#relieved = largest;
    if (largest === null) return;
    worker.count(Stat.OutputLimitDisconnections);
    worker.log('warning', `client ${largest.id} cut: it holds most of the memory for replies`);
    worker.cut(largest);
  }

  /** Idle and lingering connections, soft limits, spare chunks, and the memory of all clients. */
  onTick(worker: Worker): void {
    worker.chunks.trim();
    const bytesMax = this.allClientsBytesMax;
    const hasDeadlines = this.#idleSeconds > 0 || worker.sessions.closingCount > 0;
    if (hasDeadlines || bytesMax > 0 || this.#hasSoftExcess) this.#look(worker, bytesMax);
    else this.#areClientsLarge = false;
  }

  /** True when no session reaches a limit by time alone, but for `timeout` and its seconds. */
  mayRest(worker: Worker): boolean {
    if (this.#hasSoftExcess || this.#areClientsLarge) return false;
    return worker.sessions.closingCount === 0;
  }

  #look(worker: Worker, bytesMax: number): void {
    const { nowMs } = worker.shard;
    let bytes = 0;
    let isAnyAbove = false;
    for (const session of worker.sessions.each()) {
      if (session.isClosing) {
        if (nowMs - session.closingSinceMs > CLOSING_MS_MAX) worker.cut(session);
        continue;
      }
      this.#checkIdle(worker, session, nowMs);
      if (session.outputBytes > 0 || session.softLimitSinceMs !== 0) {
        this.checkOutput(worker, session);
        if (session.softLimitSinceMs !== 0) isAnyAbove = true;
      }
      if (bytesMax > 0 && !session.isClosing) bytes += session.memoryBytes;
    }
    this.#hasSoftExcess = isAnyAbove;
    if (bytesMax > 0) this.#boundClients(worker, bytes, bytesMax);
    else this.#areClientsLarge = false;
  }

  /** The clients of all workers together keep to the limit: each cuts in proportion to its own. */
  #boundClients(worker: Worker, ownBytes: number, bytesMax: number): void {
    const { mesh, shard } = worker;
    const bytes = mesh === null ? ownBytes : mesh.words.noteClientBytes(shard.index, ownBytes);
    this.#areClientsLarge = bytes > bytesMax / 2;
    if (bytes <= bytesMax) return;
    this.#evictClients(worker, ownBytes, Math.floor((bytesMax * ownBytes) / bytes));
  }

  #checkIdle(worker: Worker, session: Session, nowMs: number): void {
    if (this.#idleSeconds === 0 || session.hold === Hold.Parked) return;
    if (session.hold === Hold.Waiting || session.outputClass !== OutputClass.Normal) return;
    if (nowMs - session.lastActiveMs <= this.#idleSeconds * 1000) return;
    worker.log('verbose', `client ${session.id} closed: idle`);
    worker.end(session);
  }

  /** Cuts the largest clients until the rest fit. */
  #evictClients(worker: Worker, usedBytes: number, bytesMax: number): void {
    const candidates = worker.sessions.all()
      .filter((session) => !session.isClosing && (session.flags & ClientFlag.NoEvict) === 0)
      .sort((a, b) => b.memoryBytes - a.memoryBytes);
    let left = usedBytes;
    for (const session of candidates) {
      if (left <= bytesMax) return;
      left -= session.memoryBytes;
      worker.count(Stat.EvictedClients);
      worker.log('warning', `client ${session.id} cut: all clients passed maxmemory-clients`);
      worker.cut(session);
    }
  }
}
