/**
 * CLIENT TRACKING of one worker: who of its connections tracks, and how they hear that keys have
 * changed. The shard says which (kora-core/src/tracking/tracking.ts), of its own keys; other
 * workers say it of theirs (tracking-mesh.ts).
 *
 * Order, as in Redis: what others change is told at once; what a connection changes itself behind
 * the reply of its command; keys by prefix when the requests of a connection that came together
 * have run, to other workers before any reply of the turn leaves. Nothing is told before replies
 * that the connection still waits for (push-behind.ts), and nothing later than replies that tell a
 * writer of its change: so whoever writes, then asks over the connection that tracks, finds that
 * told.
 * Bounds: what is told counts as output of the session; keys by prefix as PrefixTable says.
 */
import { Buffer } from 'node:buffer';
import type { Command, ReplySink, TrackingHost } from '@kora/core';
import { ClientFlag, keyText, PrefixTable, readerOf } from '@kora/core';
import type { PushMessage } from '../pushes.ts';
import type { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { pushBehind } from './push-behind.ts';
import { SessionTracking, TrackingMode } from './session-tracking.ts';
import type { Invalid } from './tracking-messages.ts';
import {
  allInvalid, brokenRedirect, invalidationFor, keyAtInvalid, keyBytesInvalid, keysInvalid,
} from './tracking-messages.ts';
import { TrackingMesh } from './tracking-mesh.ts';
import type { TrackingOptions } from './tracking-options.ts';

/** A session of this worker, or the index of another worker with some. */
type Subscriber = Session | number;

/** A key that a session changed itself; null: everything. */
interface OwnChange {
  readonly session: Session;
  readonly key: string | null;
}

export class ClientTracking implements TrackingHost {
  readonly worker: Worker;
  readonly prefixes = new PrefixTable<Subscriber>();
  readonly mesh: TrackingMesh | null;
  /** Those who track, by their reader number. */
  readonly #sessions = new Map<number, Session>();
  /** To be told when the reply under way is whole. */
  #own: OwnChange[] = [];
  /** Sessions with messages that found no place. */
  readonly #holding = new Set<Session>();
  /** Prefixes of each session of this worker, and how many sessions want each. */
  #localPrefixCount = 0;

  constructor(worker: Worker) {
    this.worker = worker;
    const isAmongOthers = worker.mesh !== null && worker.shard.count > 1;
    this.mesh = isAmongOthers ? new TrackingMesh(this, worker.mesh) : null;
    worker.shard.tracking.attach(this, worker.executor.registry.commands);
  }

  /** Connections of this worker that track. */
  get clientCount(): number {
    return this.#sessions.size;
  }

  /** Prefixes that are wanted, of those this worker counts: each is counted by one worker. */
  get prefixCount(): number {
    const me = this.worker.shard.index;
    let count = 0;
    for (const { subscribers } of this.prefixes.states()) {
      let least = Infinity;
      for (const one of subscribers) least = Math.min(least, typeof one === 'number' ? one : me);
      if (least === me) count++;
    }
    return count;
  }

  // ------------------------------------------------------------------ on and off

  /** The session tracks from now on, as asked; the options fit. */
  enable(session: Session, options: TrackingOptions, redirectWorker: number): void {
    const reader = readerOf(this.worker.shard.index, session.id);
    const tracking = session.tracking ?? new SessionTracking(reader);
    session.tracking = tracking;
    session.tracker = reader;
    this.#sessions.set(reader, session);
    tracking.modes = options.modes;
    tracking.redirect = options.redirect;
    tracking.redirectWorker = redirectWorker;
    tracking.isBroken = false;
    if (tracking.has(TrackingMode.Broadcast)) {
      const { prefixes } = options;
      const wanted = new Set([...tracking.prefixes, ...(prefixes.length > 0 ? prefixes : [''])]);
      for (const prefix of wanted) this.#subscribe(session, prefix);
      tracking.prefixes = [...wanted].sort();
    }
    this.#applyModes(session);
    this.listen();
  }

  #subscribe(session: Session, prefix: string): void {
    const isNew = !this.#hasLocal(prefix);
    this.prefixes.add(prefix, session);
    if (isNew) {
      this.#localPrefixCount++;
      this.mesh?.announce(prefix, true);
    }
  }

  /** True when a session of this worker wants the prefix. */
  #hasLocal(prefix: string): boolean {
    const state = this.prefixes.stateOf(prefix);
    if (state === undefined) return false;
    for (const one of state.subscribers) if (typeof one !== 'number') return true;
    return false;
  }

  /** The session tracks no more: OFF, RESET, or its end. */
  disable(session: Session): void {
    const { tracking } = session;
    if (tracking === null) return;
    session.tracking = null;
    session.tracker = 0;
    session.flags &= ~(ClientFlag.Tracks | ClientFlag.CachingSaid);
    this.#sessions.delete(tracking.reader);
    for (const prefix of tracking.prefixes) {
      this.prefixes.remove(prefix, session);
      if (this.#hasLocal(prefix)) continue;
      this.#localPrefixCount--;
      this.mesh?.announce(prefix, false);
    }
    this.#dropHeld(session, tracking);
    this.listen();
  }

  /** Every prefix that sessions of this worker want. */
  localPrefixes(): string[] {
    if (this.#localPrefixCount === 0) return [];
    return [...this.prefixes.states()].map(({ prefix }) => prefix)
      .filter((prefix) => this.#hasLocal(prefix));
  }

  /** Tells the shard what has to be heard. */
  listen(): void {
    this.worker.shard.tracking.hear(this.#sessions.size > 0, this.prefixes.prefixCount > 0);
  }

  /** CLIENT CACHING: it holds for the next command. */
  sayCaching(session: Session): void {
    session.flags |= ClientFlag.CachingSaid;
    this.#applyModes(session);
  }

  /** A command of a session that has said CACHING has run: it holds no more, but within MULTI. */
  afterCommand(session: Session, command: Command | null): void {
    const isOfClient = command !== null && command.name.startsWith('client');
    if (isOfClient || (session.flags & ClientFlag.InMulti) !== 0) return;
    session.flags &= ~ClientFlag.CachingSaid;
    this.#applyModes(session);
  }

  /** Says to the shard whether it has to remember what the session reads. */
  #applyModes(session: Session): void {
    const { tracking } = session;
    if (tracking === null) return;
    const isSaid = (session.flags & ClientFlag.CachingSaid) !== 0;
    const remembers = !tracking.has(TrackingMode.Broadcast) &&
      (!tracking.has(TrackingMode.OptIn) || isSaid) &&
      (!tracking.has(TrackingMode.OptOut) || !isSaid);
    if (remembers) session.flags |= ClientFlag.Tracks;
    else session.flags &= ~ClientFlag.Tracks;
  }

  // ------------------------------------------------------------------ what the shard says

  invalidate(readers: readonly number[], keyAt: number, keyBytes: number, writer: number): void {
    this.mesh?.forward(readers, keyAt, keyBytes, writer);
    const { memory } = this.worker.shard;
    this.#tellReaders(readers, writer, keyAtInvalid(keyAt, keyBytes), () =>
      keyText(memory, keyAt, keyBytes));
  }

  /** As invalidate, for a key of another worker. @param key valid during the call */
  invalidateNoted(readers: readonly number[], key: Uint8Array, writer: number): void {
    this.#tellReaders(readers, writer, keyBytesInvalid(key), () =>
      Buffer.from(key).toString('latin1'));
  }

  /** @param key its text, for those few who are not told now or not directly */
  #tellReaders(
    readers: readonly number[], writer: number, invalid: Invalid, key: () => string,
  ): void {
    const { writer: running } = this.worker.shard.tracking;
    // Most tell the same in the same form: that is encoded once.
    let message: PushMessage | null = null;
    for (const reader of readers) {
      const session = this.#sessions.get(reader);
      const tracking = session?.tracking ?? null;
      if (session === undefined || tracking === null) continue;
      if (tracking.has(TrackingMode.Broadcast)) continue;
      if (reader === writer && tracking.has(TrackingMode.NoLoop)) continue;
      if (reader === running) {
        this.#addOwn({ session, key: key() });
      } else if (tracking.redirect !== 0) {
        this.#tell(session, [key()]);
      } else if (session.resp > 2) {
        message ??= this.#encode(session, invalid);
        this.#send(session, message);
      }
    }
    if (message !== null) this.worker.pushes.release(message);
  }

  onChange(keyAt: number, keyBytes: number, writer: number): void {
    this.prefixes.note(keyText(this.worker.shard.memory, keyAt, keyBytes), writer);
    if (this.prefixes.isFull) this.tellPrefixes();
  }

  onFlush(writer: number): void {
    const { writer: running } = this.worker.shard.tracking;
    // The oldest first, as in Redis.
    for (const [reader, session] of [...this.#sessions].sort(([, a], [, b]) => a.id - b.id)) {
      if (reader === writer && reader === running) this.#addOwn({ session, key: null });
      else this.#tell(session, null);
    }
  }

  // ------------------------------------------------------------------ telling

  #addOwn(change: OwnChange): void {
    this.#own.push(change);
    this.worker.following++;
  }

  /** The reply of a command is whole: what it changed of what its session had read is told. */
  tellOwn(): void {
    if (this.#own.length === 0) return;
    const changes = this.#own;
    this.#own = [];
    this.worker.following -= changes.length;
    for (const { session, key } of changes) {
      this.#tell(session, key === null ? null : [key]);
    }
  }

  /**
   * Everything that was put off is told: when a turn ends, before other workers hear of it, and
   * before requests are run, for replies that tell of it may have left in the same turn.
   */
  tellAll(): void {
    if (this.#own.length > 0) this.tellOwn();
    if (this.prefixes.hasKeys) this.tellPrefixes();
    if (this.#holding.size > 0) this.#sendHeld();
  }

  /** Keys that changed are told to those who want their prefixes, before replies tell of them. */
  tellPrefixes(): void {
    this.beforeReply();
    this.prefixes.tell(({ prefix, writerOfKey }, keys) => {
      this.tellKeys(prefix, keys, writerOfKey);
    });
  }

  /** The connections of other workers hear of it before anybody can know of the change. */
  beforeReply(): void {
    if (this.mesh !== null && this.prefixes.hasKeys) this.#tellPrefixesAbroad();
  }

  #tellPrefixesAbroad(): void {
    this.prefixes.tellEarly(({ prefix, subscribers, writerOfKey }, keys) => {
      for (const one of [...subscribers]) {
        if (typeof one === 'number') this.mesh?.forwardKeys(one, prefix, keys, writerOfKey);
      }
    });
  }

  /** Keys with a prefix have changed here or elsewhere: the sessions that want it are told. */
  tellKeys(
    prefix: string, keys: readonly string[], writerOfKey: ReadonlyMap<string, number>,
  ): void {
    const subscribers = this.prefixes.stateOf(prefix)?.subscribers ?? [];
    let message: PushMessage | null = null;
    for (const session of [...subscribers]) {
      if (typeof session === 'number') continue;
      const { tracking } = session;
      if (tracking === null) continue;
      if (tracking.has(TrackingMode.NoLoop)) {
        const others = keys.filter((key) => writerOfKey.get(key) !== tracking.reader);
        if (others.length > 0) this.#tell(session, others);
      } else if (tracking.redirect !== 0) {
        this.#tell(session, keys);
      } else if (session.resp > 2) {
        message ??= this.#encode(session, keysInvalid(keys));
        this.#send(session, message);
      }
    }
    if (message !== null) this.worker.pushes.release(message);
  }

  /** Tells a session, or the one it redirects to. @param keys null: everything is invalid */
  #tell(session: Session, keys: readonly string[] | null): void {
    const { tracking } = session;
    if (tracking === null) return;
    if (tracking.redirect === 0) {
      this.#push(session, keys, false);
    } else if (!this.tellRedirected(tracking.redirect, keys)) {
      if (this.mesh === null) this.onBroken(session, tracking.redirect);
      else this.mesh.redirect(session, tracking, keys);
    }
  }

  /** Tells the session of this worker that another redirects to. False: it is not here. */
  tellRedirected(clientId: number, keys: readonly string[] | null): boolean {
    const target = this.worker.sessions.byId(clientId);
    if (target === undefined) return false;
    this.#push(target, keys, true);
    return true;
  }

  /** The connection that a session redirects to is gone. */
  onBroken(session: Session, redirect: number): void {
    const { tracking } = session;
    if (tracking === null || tracking.redirect !== redirect) return;
    tracking.isBroken = true;
    if (session.resp > 2) this.#write(session, brokenRedirect(redirect));
  }

  /** The session of this worker with that reader number. */
  sessionOf(reader: number): Session | undefined {
    return this.#sessions.get(reader);
  }

  #push(session: Session, keys: readonly string[] | null, isRedirected: boolean): void {
    const invalid = keys === null ? allInvalid : keysInvalid(keys);
    const write = invalidationFor(session, isRedirected, invalid);
    if (write !== null) this.#write(session, write);
  }

  #write(session: Session, write: (sink: ReplySink) => void): void {
    if (session.isClosing) return;
    const { pushes } = this.worker;
    const message = pushes.encode(session.resp, write);
    this.#send(session, message);
    pushes.release(message);
  }

  #encode(session: Session, invalid: Invalid): PushMessage | null {
    const write = invalidationFor(session, false, invalid);
    return write === null ? null : this.worker.pushes.encode(session.resp, write);
  }

  /** Behind what the session still waits for, and behind what waits for that already. */
  #send(session: Session, message: PushMessage | null): void {
    if (message === null || session.isClosing) return;
    const held = session.tracking?.held ?? null;
    const isFree = held === null || held.length === 0;
    if (isFree && pushBehind(this.worker.pushes, session, message)) return;
    if (held === null) {
      this.worker.pushes.send(session, message);
      return;
    }
    for (const { chunk, bytes } of message.ranges) {
      chunk.pins++;
      session.outputBytes += bytes;
    }
    held.push(message);
    this.#holding.add(session);
    this.worker.limits.checkOutput(this.worker, session);
  }

  #sendHeld(): void {
    for (const session of [...this.#holding]) {
      const held = session.tracking?.held ?? [];
      while (held[0] !== undefined && pushBehind(this.worker.pushes, session, held[0])) {
        this.#unhold(session, held.shift());
      }
      if (held.length === 0) this.#holding.delete(session);
    }
  }

  #unhold(session: Session, message: PushMessage | undefined): void {
    if (message === undefined) return;
    for (const { bytes } of message.ranges) session.outputBytes -= bytes;
    this.worker.pushes.release(message);
  }

  #dropHeld(session: Session, { held }: SessionTracking): void {
    this.#holding.delete(session);
    while (held.length > 0) this.#unhold(session, held.shift());
  }
}
