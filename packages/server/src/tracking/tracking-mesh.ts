/**
 * CLIENT TRACKING between workers, in notes. They go along the lane of replies, so what a shard
 * says of its keys reaches a connection's worker behind the replies that it gave before, and before
 * those that it gives later: no connection gets a new value and then hears of an older change.
 *
 *   Invalid     writer.  readers | each | key        a key that clients of yours have read
 *   Prefix      1 = wanted, 0 = no more.  prefix     sessions of mine want keys with it
 *   Broadcast   -.  prefix | keys, each with writer  keys with a prefix that you want
 *   Redirect    reader.  client | -1 or keys         for a client of yours, from one of mine
 *   Broken      reader.  client                      that client is not mine
 *   Ask         question.  client                    is it yours? Have you heard all before this?
 *   Answer      question.  1 = it is
 *   Lost        -.                               one of the above found no memory
 *
 * Bodies are words and bytes, little-endian (note-body.ts).
 */
import { assert, workerOfReader } from '@kora/core';
import { Buffer } from 'node:buffer';
import type { MeshNode } from '../mesh/mesh-node.ts';
import { NoteTopic } from '../mesh/note-topics.ts';
import type { Session } from '../session.ts';
import type { ClientTracking } from './client-tracking.ts';
import { NoteBody, NoteReader } from './note-body.ts';
import type { SessionTracking } from './session-tracking.ts';

/** What is asked of all other workers. */
interface Question {
  /** Answers that have not come. */
  left: number;
  /** The worker that said yes, -1 = none has. */
  worker: number;
  readonly onAnswers: (worker: number) => void;
}

/** Keys of one note: more go in several. */
const KEYS_OF_NOTE_MAX = 512;

export class TrackingMesh {
  readonly #tracking: ClientTracking;
  readonly #mesh: MeshNode;
  readonly #questions = new Map<number, Question>();
  #nextQuestion = 1;
  /** Readers of other workers, by worker; one array each, used again. */
  readonly #readersOf: number[][] = [];

  constructor(tracking: ClientTracking, mesh: MeshNode) {
    this.#tracking = tracking;
    this.#mesh = mesh;
    const { notes } = mesh;
    notes.on(NoteTopic.TrackingInvalid, (_from, writer, body) => {
      this.#onInvalid(writer, body);
    });
    notes.on(NoteTopic.TrackingPrefix, (from, isWanted, body) => {
      this.#onPrefix(from, isWanted, body);
    });
    notes.on(NoteTopic.TrackingBroadcast, (_from, _number, body) => {
      this.#onBroadcast(body);
    });
    notes.on(NoteTopic.TrackingRedirect, (from, reader, body) => {
      this.#onRedirect(from, reader, body);
    });
    notes.on(NoteTopic.TrackingBroken, (_from, reader, body) => {
      this.#onBroken(reader, body);
    });
    notes.on(NoteTopic.TrackingAsk, (from, question, body) => {
      this.#onAsk(from, question, body);
    });
    notes.on(NoteTopic.TrackingAnswer, (from, question, body) => {
      this.#onAnswer(from, question, body);
    });
    notes.on(NoteTopic.TrackingLost, () => {
      this.#tracking.onFlush(0);
    });
  }

  // ------------------------------------------------------------------ keys that were read

  /** Tells other workers of a key that clients of theirs have read. */
  forward(readers: readonly number[], keyAt: number, keyBytes: number, writer: number): void {
    const me = this.#mesh.port.me;
    let hasForeign = false;
    for (const reader of readers) {
      const worker = workerOfReader(reader);
      if (worker === me) continue;
      (this.#readersOf[worker] ??= []).push(reader);
      hasForeign = true;
    }
    if (!hasForeign) return;
    for (const [worker, list] of this.#readersOf.entries()) {
      if (list === undefined || list.length === 0) continue;
      const body = new NoteBody(4 + list.length * 4);
      body.word(list.length);
      for (const reader of list) body.word(reader);
      const { notes } = this.#mesh;
      const isSent = !notes.isFlooded(worker) &&
        notes.send(worker, NoteTopic.TrackingInvalid, writer, (sink) => {
          sink.raw(body.bytes());
          sink.bulkPiece(keyAt, keyBytes);
        });
      if (!isSent) this.#lose(worker);
      this.#publish(worker);
      list.length = 0;
    }
  }

  #onInvalid(writer: number, body: Uint8Array): void {
    const reader = new NoteReader(body);
    const readers = reader.words(reader.word());
    this.#tracking.invalidateNoted(readers, reader.rest(), writer);
  }

  // ------------------------------------------------------------------ prefixes

  /** Tells all that a prefix is wanted here, or not any more. */
  announce(prefix: string, isWanted: boolean): void {
    const bytes = Buffer.from(prefix, 'latin1');
    for (const { index } of this.#mesh.port.peers) {
      this.#mesh.notes.send(index, NoteTopic.TrackingPrefix, isWanted ? 1 : 0, (sink) => {
        sink.raw(bytes);
      });
    }
  }

  #onPrefix(from: number, isWanted: number, body: Uint8Array): void {
    const prefix = Buffer.from(body).toString('latin1');
    const { prefixes } = this.#tracking;
    if (isWanted === 1) prefixes.add(prefix, from);
    else prefixes.remove(prefix, from);
    this.#tracking.listen();
  }

  /** Tells a worker of keys that changed here and that it wants. */
  forwardKeys(
    worker: number, prefix: string, keys: readonly string[],
    writerOfKey: ReadonlyMap<string, number>,
  ): void {
    for (let from = 0; from < keys.length; from += KEYS_OF_NOTE_MAX) {
      const some = keys.slice(from, from + KEYS_OF_NOTE_MAX);
      const keyBytes = some.reduce((sum, key) => sum + key.length + 8, 0);
      const body = new NoteBody(8 + prefix.length + keyBytes);
      body.text(prefix);
      body.word(some.length);
      for (const key of some) {
        body.word(writerOfKey.get(key) ?? 0);
        body.text(key);
      }
      const { notes } = this.#mesh;
      const isSent = !notes.isFlooded(worker) &&
        notes.send(worker, NoteTopic.TrackingBroadcast, 0, (sink) => {
          sink.raw(body.bytes());
        });
      if (!isSent) this.#lose(worker);
    }
    this.#publish(worker);
  }

  /** A worker does not hear of some keys, for memory is short: all its clients keep may be old. */
  #lose(worker: number): void {
    this.#mesh.notes.sendOnce(worker, NoteTopic.TrackingLost);
  }

  /** What was sent is there before any reply that this turn makes. */
  #publish(worker: number): void {
    const { port } = this.#mesh;
    port.publishWords(port.peer(worker));
  }

  #onBroadcast(body: Uint8Array): void {
    const reader = new NoteReader(body);
    const prefix = reader.text();
    const writerOfKey = new Map<string, number>();
    for (let left = reader.word(); left > 0; left--) {
      const writer = reader.word();
      writerOfKey.set(reader.text(), writer);
    }
    this.#tracking.tellKeys(prefix, [...writerOfKey.keys()], writerOfKey);
  }

  // ------------------------------------------------------------------ redirections

  /** Sends a session's invalidation to the worker of the client it redirects to. */
  redirect(session: Session, tracking: SessionTracking, keys: readonly string[] | null): void {
    const { redirect, redirectWorker } = tracking;
    if (redirectWorker < 0) {
      this.#askFor(session, redirect, keys);
      return;
    }
    if (redirectWorker === this.#mesh.port.me) {
      this.#tracking.onBroken(session, redirect);
      return;
    }
    const keyBytes = keys === null ? 0 : keys.reduce((sum, key) => sum + key.length + 4, 0);
    const body = new NoteBody(12 + keyBytes);
    body.double(redirect);
    body.word(keys === null ? -1 : keys.length);
    for (const key of keys ?? []) body.text(key);
    const { notes } = this.#mesh;
    const { reader } = tracking;
    const isSent = !notes.isFlooded(redirectWorker) &&
      notes.send(redirectWorker, NoteTopic.TrackingRedirect, reader, (sink) => {
        sink.raw(body.bytes());
      });
    if (!isSent) session.loseOutput('no memory was left for an invalidation');
  }

  /** It is not known whose the client is: all are asked, then it is told, or found to be gone. */
  #askFor(session: Session, redirect: number, keys: readonly string[] | null): void {
    this.ask(redirect, (worker) => {
      const { tracking } = session;
      if (tracking === null || tracking.redirect !== redirect) return;
      if (worker < 0) {
        this.#tracking.onBroken(session, redirect);
        return;
      }
      tracking.redirectWorker = worker;
      this.redirect(session, tracking, keys);
    });
  }

  #onRedirect(from: number, source: number, body: Uint8Array): void {
    const reader = new NoteReader(body);
    const clientId = reader.double();
    const count = reader.word();
    const keys: string[] = [];
    for (let i = 0; i < count; i++) keys.push(reader.text());
    if (this.#tracking.tellRedirected(clientId, count < 0 ? null : keys)) return;
    const answer = new NoteBody(8);
    answer.double(clientId);
    this.#mesh.notes.send(from, NoteTopic.TrackingBroken, source, (sink) => {
      sink.raw(answer.bytes());
    });
  }

  #onBroken(source: number, body: Uint8Array): void {
    const session = this.#tracking.sessionOf(source);
    if (session !== undefined) this.#tracking.onBroken(session, new NoteReader(body).double());
  }

  // ------------------------------------------------------------------ questions

  /**
   * Asks all other workers whether a client is theirs; their answers come behind all that was sent
   * to them before, so they also say that this has been heard.
   * @param clientId 0 = nobody's: only the answers count
   * @param onAnswers gets the client's worker, -1 = no worker has it
   */
  ask(clientId: number, onAnswers: (worker: number) => void): void {
    const number = this.#nextQuestion;
    this.#nextQuestion = (number + 1) & 0x3fff_ffff;
    const { peers } = this.#mesh.port;
    this.#questions.set(number, { left: peers.length, worker: -1, onAnswers });
    const body = new NoteBody(8);
    body.double(clientId);
    for (const { index } of peers) {
      this.#mesh.notes.send(index, NoteTopic.TrackingAsk, number, (sink) => {
        sink.raw(body.bytes());
      });
    }
  }

  #onAsk(from: number, question: number, body: Uint8Array): void {
    const clientId = new NoteReader(body).double();
    const isHere = this.#tracking.worker.sessions.byId(clientId) !== undefined;
    const answer = new NoteBody(4);
    answer.word(isHere ? 1 : 0);
    this.#mesh.notes.send(from, NoteTopic.TrackingAnswer, question, (sink) => {
      sink.raw(answer.bytes());
    });
  }

  #onAnswer(from: number, number: number, body: Uint8Array): void {
    const question = this.#questions.get(number);
    if (question === undefined) return;
    assert(question.left > 0, 'every worker answers once');
    question.left--;
    if (new NoteReader(body).word() === 1) question.worker = from;
    if (question.left > 0) return;
    this.#questions.delete(number);
    question.onAnswers(question.worker);
  }
}
