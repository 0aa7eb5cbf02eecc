/**
 * MONITOR: sessions that see every command that clients send, whichever worker a client is
 * connected to. A bit for each worker in a word of the process says who has such sessions; every
 * worker looks at it once a turn and, while one is set, shows what its own clients have run: to
 * its own sessions by pushes, to other workers by notes.
 *
 *   requests, executor ─ CommandTap ─▶ line ─┬─ pushes ─▶ own monitors
 *                                            └─ note ─▶ workers with a bit ─ pushes ─▶ theirs
 *
 * Lines of one client come in the order of its commands, also within EXEC; those of clients of
 *   different workers in the order in which notes arrive.
 * Bounds: MONITORED_ARGUMENT_BYTES_MAX of an argument; a monitor that leaves more than
 *   MONITOR_OUTPUT_BYTES_MAX unread is cut, whatever client-output-buffer-limit says; while a
 *   worker with monitors is crowded with notes, clients here wait.
 * Cost: nothing but a look a turn while nobody monitors; else a few microseconds a command.
 */
import type { ArgFrame, ClientState, Command, CommandTap } from '@kora/core';
import { argumentText, ClientFlag, DATABASE_COUNT, Flag } from '@kora/core';
import { wordsOf } from '@kora/observability';
import { NoteTopic } from '../mesh/note-topics.ts';
import { QueuedFrame } from '../mesh/queued-frame.ts';
import { Session } from '../session.ts';
import type { Worker } from '../worker.ts';
import { monitorLine } from './monitor-line.ts';

/** Bytes of one argument that a line shows. */
export const MONITORED_ARGUMENT_BYTES_MAX = 65_536;
/** What a monitor may leave unread. */
export const MONITOR_OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
/** Commands that are not shown: administration, and what says so. */
const HIDDEN = Flag.Admin | Flag.SkipMonitor;
/** The two clocks may be so far apart before the time of lines follows the wall clock again. */
const DRIFT_US_MAX = 2000;

/** A command of a client, before it runs elsewhere. */
export interface ShownCall {
  readonly db: number;
  readonly words: readonly string[];
}

export class Monitors implements CommandTap {
  readonly #worker: Worker;
  readonly #sessions = new Set<Session>();
  readonly #queued: QueuedFrame;
  /** Bits of the other workers that have monitors. */
  #others = 0;
  #offsetUs = 0;
  /** EXECs over several workers that a watch may stop: what is shown when it has not. */
  readonly #undecided = new Map<Session, readonly ShownCall[]>();

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#queued = new QueuedFrame(worker.shard, worker.executor.registry);
    worker.mesh?.notes.on(NoteTopic.MonitorLine, (_from, _number, body) => {
      this.#push(body);
    });
  }

  /** Sessions of this worker that monitor. */
  get count(): number {
    return this.#sessions.size;
  }

  // ------------------------------------------------------------------ who monitors

  /** The session sees everything from now on. */
  join(session: Session): void {
    session.flags |= ClientFlag.Monitor;
    this.#sessions.add(session);
    this.#tell();
  }

  /** The session sees nothing any more. */
  leave(session: Session): void {
    this.onExec(session);
    if (!this.#sessions.delete(session)) return;
    session.flags &= ~ClientFlag.Monitor;
    this.#tell();
  }

  #tell(): void {
    const { mesh, shard } = this.#worker;
    mesh?.words.setMonitors(shard.index, this.#sessions.size > 0);
    this.look();
  }

  /** Whether somebody monitors: once a turn, and when that changes here. */
  look(): void {
    const { mesh, executor, shard } = this.#worker;
    if (this.#undecided.size > 0) this.#endUndecided();
    this.#others = mesh === null ? 0 : mesh.words.monitors & ~(1 << shard.index);
    const isActive = this.#others !== 0 || this.#sessions.size > 0;
    if (isActive !== (executor.tap !== null)) executor.tap = isActive ? this : null;
  }

  /** True while another worker takes lines more slowly than they would come. */
  get isCrowded(): boolean {
    const { mesh } = this.#worker;
    if (mesh === null) return false;
    for (let left = this.#others; left !== 0; left &= left - 1) {
      if (mesh.notes.isCrowded(31 - Math.clz32(left & -left))) return true;
    }
    return false;
  }

  // ------------------------------------------------------------------ what they see

  wordsOf(command: Command, frame: ArgFrame): readonly string[] | null {
    const { client } = frame;
    if ((command.flags & HIDDEN) !== 0 || !(client instanceof Session)) return null;
    // Commands of an EXEC over several workers have been shown with it.
    if ((client.flags & ClientFlag.InExec) !== 0 && client.queue === null) return null;
    return wordsOf(this.#worker.shard, command, frame, MONITORED_ARGUMENT_BYTES_MAX);
  }

  show(words: readonly string[], client: ClientState): void {
    if (!(client instanceof Session)) return;
    this.#showStopped(client);
    this.#show(client, { db: client.db, words });
  }

  /** What will be shown of a request that runs on other workers: an EXEC with its commands. */
  callsOf(session: Session, command: Command, frame: ArgFrame): readonly ShownCall[] {
    const calls: ShownCall[] = [];
    let { db } = session;
    if (command.name === 'exec' && (session.flags & ClientFlag.InMulti) !== 0) {
      const { queue } = session;
      for (queue?.rewind(); queue?.next() === true;) {
        const queued = this.#queued.look(queue);
        if (queued.name === 'select') db = chosenDatabase(this.#queued.frame, db);
        const words = this.#wordsOf(queued, this.#queued.frame);
        if (words !== null) calls.push({ db, words });
      }
    }
    const words = this.#wordsOf(command, frame);
    if (words !== null) calls.push({ db, words });
    return calls;
  }

  #wordsOf(command: Command, frame: ArgFrame): readonly string[] | null {
    if ((command.flags & HIDDEN) !== 0) return null;
    return wordsOf(this.#worker.shard, command, frame, MONITORED_ARGUMENT_BYTES_MAX);
  }

  /**
   * The request has been sent to other workers.
   * @param watches it is an EXEC that runs only when what its client watches has not changed
   */
  showCalls(session: Session, calls: readonly ShownCall[], watches: boolean): void {
    this.#showStopped(session);
    if (watches) this.#undecided.set(session, calls);
    else for (const call of calls) this.#show(session, call);
  }

  onExec(client: ClientState): void {
    if (!(client instanceof Session)) return;
    const calls = this.#undecided.get(client) ?? [];
    this.#undecided.delete(client);
    for (const call of calls) this.#show(client, call);
  }

  /** Who has all replies, and was not said to have run, was stopped. */
  #endUndecided(): void {
    for (const session of [...this.#undecided.keys()]) {
      if (session.window === null) this.#showStopped(session);
    }
  }

  /** A watch has stopped an EXEC: nothing of it ran but itself. */
  #showStopped(session: Session): void {
    const exec = this.#undecided.get(session)?.at(-1);
    this.#undecided.delete(session);
    if (exec !== undefined) this.#show(session, { db: session.db, words: exec.words });
  }

  #show({ peer }: Session, { db, words }: ShownCall): void {
    const address = peer.isUnixSocket ? `unix:${peer.address.replace(/:0$/, '')}` : peer.address;
    const text = monitorLine(this.#nowUs(), db, address, words);
    const line = Buffer.from(`+${text}\r\n`, 'latin1');
    if (this.#sessions.size > 0) this.#push(line);
    const { mesh } = this.#worker;
    if (mesh === null) return;
    for (let left = this.#others; left !== 0; left &= left - 1) {
      mesh.notes.send(31 - Math.clz32(left & -left), NoteTopic.MonitorLine, 0, (sink) => {
        sink.raw(line);
      });
    }
  }

  #push(line: Uint8Array): void {
    const { pushes } = this.#worker;
    const message = pushes.encode(2, (sink) => {
      sink.raw(line);
    });
    // To be cut takes a session out of the set.
    for (const session of [...this.#sessions]) {
      pushes.send(session, message);
      if (session.outputBytes <= MONITOR_OUTPUT_BYTES_MAX) continue;
      session.loseOutput('it monitors and leaves too much unread');
    }
    pushes.release(message);
  }

  /** Wall clock in microseconds, which the wall clock alone does not tell. */
  #nowUs(): number {
    const { clock } = this.#worker.shard.platform;
    const wallUs = clock.nowMs() * 1000;
    const us = clock.monotonicUs() + this.#offsetUs;
    if (Math.abs(us - wallUs) <= DRIFT_US_MAX) return us;
    this.#offsetUs = wallUs - clock.monotonicUs();
    return wallUs;
  }
}

/** The database that the SELECT in the frame chooses. */
function chosenDatabase(frame: ArgFrame, db: number): number {
  const text = argumentText(frame, 1);
  return /^\d{1,2}$/.test(text) && Number(text) < DATABASE_COUNT ? Number(text) : db;
}
