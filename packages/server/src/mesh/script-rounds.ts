/**
 * The coordinator's side of transactions that run in steps (script.ts): what every round needs goes
 * ahead of its words, and what was answered in a round is written to the transcript at its end, in
 * the order of the commands, with what the connection runs itself (PING, HELLO) in its place.
 * A client that is gone gets no transcript; its transaction runs on.
 */
import type { CommandQueue, Shard, Transaction } from '@kora/core';
import { assert } from '@kora/core';
import type { ReplyChunks } from '../reply-chunks.ts';
import { RespSink } from '../resp-sink.ts';
import type { Session } from '../session.ts';
import type { KeyRecords } from './key-records.ts';
import type { Origin } from './origin.ts';
import type { ReplyBytes } from './reply-bytes.ts';
import type { ReplyWindow } from './reply-window.hot.ts';
import type { ShardRound } from './script.ts';
import { Script } from './script.ts';
import { Begin, Finish } from './script-words.ts';
import type { StepEvent } from './step-events.ts';
import { EventsInOrder } from './step-events.ts';
import type { StepPlan } from './step-plan.ts';
import type { ReplyStreams, TransactionReplies } from './transaction-replies.ts';
import { openStreams } from './transaction-replies.ts';
import { Transcript } from './transcript.ts';
import type { WaitOutcome } from './waits-across.ts';

/** A transaction that runs in steps. */
export class ScriptRun {
  readonly script: Script;
  readonly transcript: Transcript;
  readonly window: ReplyWindow;
  /** Commands of an EXEC, null for a command alone. */
  readonly queue: CommandQueue | null;
  /** Events of the key space that its shards have made; null while there are none. */
  events: EventsInOrder | null = null;
  /** Steps before this one are in the transcript. */
  answered = 0;

  constructor(
    script: Script, transcript: Transcript, window: ReplyWindow, queue: CommandQueue | null,
  ) {
    this.script = script;
    this.transcript = transcript;
    this.window = window;
    this.queue = queue;
  }

  /** What the shard does in the round under way. */
  wordOf(shard: number): ShardRound {
    const word = this.script.words[shard];
    assert(word !== undefined, 'a round is of shards of this mesh');
    return word;
  }

  /** Version of RESP in which commands are answered now. */
  get resp(): number {
    return this.transcript.resp;
  }

  /** What became of it, as one shard's answer. */
  get outcome(): WaitOutcome {
    return { refused: 0, replies: [this.transcript.bytes], leader: 0 };
  }

  /** A shard's part has made these events. */
  addEvents(shard: number, events: readonly StepEvent[]): void {
    this.events ??= new EventsInOrder(this.script.words.length);
    this.events.add(shard, events);
  }

  free(): void {
    this.transcript.bytes.free();
  }
}

export class ScriptRounds {
  readonly #shard: Shard;
  readonly #workerCount: number;
  readonly #origin: Origin;
  readonly #records: KeyRecords;
  readonly #replies: TransactionReplies;
  /** Writes transcripts. */
  readonly #sink: RespSink;

  constructor(
    shard: Shard, chunks: ReplyChunks, origin: Origin, records: KeyRecords,
    replies: TransactionReplies,
  ) {
    this.#shard = shard;
    this.#workerCount = shard.count;
    this.#origin = origin;
    this.#records = records;
    this.#replies = replies;
    this.#sink = new RespSink(shard.memory, chunks, new NoTarget(), Infinity);
  }

  /** Begins the transcript of a transaction. */
  begin(
    window: ReplyWindow, steps: readonly StepPlan[], queue: CommandQueue | null,
  ): ScriptRun {
    const transcript = new Transcript(this.#shard.memory, window);
    const run = new ScriptRun(new Script(steps, this.#workerCount), transcript, window, queue);
    if (queue === null) return run;
    queue.rewind();
    this.#open(run);
    this.#sink.array(steps.length);
    this.#sink.flush();
    return run;
  }

  /** A round is over. @returns mask of the shards of the next, 0 = all has been done */
  next({ handle, refused, replies }: Transaction<unknown, ReplyBytes>, run: ScriptRun): number {
    const { script } = run;
    const records = this.#records;
    this.#write(run, replies, script.isBeginning ? refused : 0);
    // Nobody gets what others have lent for a command that does not run.
    if (refused !== 0) records.drop(handle);
    if (script.isLeading) records.checkChanges(handle);
    let refusing = refused;
    while (!script.isOver) {
      const mask = script.next(refusing, records.shardsOf(handle));
      if (mask !== 0) return mask;
      refusing = 0;
      this.#write(run, replies, 0);
    }
    // Before the locks go: what comes to these keys later is told later.
    run.events?.publish(script.steps, this.#shard.notifier);
    return 0;
  }

  /** Sends what the shard needs in the round that begins; the word follows. */
  beforeStep(handle: number, run: ScriptRun, shard: number): void {
    const { finish, begin } = run.wordOf(shard);
    const records = this.#records;
    if (finish === Finish.Lead || begin === Begin.NameKeys) {
      records.sendLent(handle, shard);
      if (run.script.isShort) records.lose(handle, shard);
    } else if (finish !== Finish.Nothing || begin === Begin.LendNamed) {
      records.sendTold(handle, shard);
    }
  }

  /** Writes the transcript as the reply of its connection. */
  finish({ transcript, queue }: ScriptRun, session: Session, sink: RespSink): void {
    const { at, bytes, isLost } = transcript.bytes;
    if (isLost) {
      session.loseOutput('no memory is left for its replies');
      return;
    }
    // What was answered before CLIENT REPLY OFF leaves all the same.
    sink.unmute();
    sink.bulkPiece(at, bytes);
    if (session.isMuted) sink.mute();
    if (queue !== null) this.#replies.applyFlags(session);
  }

  /** What is written next belongs to the transcript, unless the connection wants no replies. */
  #open({ transcript }: ScriptRun): void {
    const sink = this.#sink;
    sink.begin(transcript);
    if (transcript.session?.isMuted !== false) sink.mute();
  }

  /** Writes what the round has answered, and empties the answers. */
  #write(run: ScriptRun, replies: (ReplyBytes | null)[], refused: number): void {
    const { script, transcript } = run;
    if (replies.some((reply) => reply?.isLost === true)) transcript.bytes.isLost = true;
    const isWanted = transcript.session !== null && !transcript.bytes.isLost;
    if (isWanted) {
      this.#open(run);
      this.#writeSteps(run, openStreams(replies), refused);
      this.#sink.flush();
    }
    run.answered = script.end;
    if (refused !== 0) run.answered++;
    for (const [shard, reply] of replies.entries()) {
      reply?.free();
      replies[shard] = null;
    }
  }

  #writeSteps(run: ScriptRun, streams: ReplyStreams, refused: number): void {
    const { script, queue } = run;
    const sink = this.#sink;
    for (; run.answered < script.end; run.answered++) {
      const step = script.steps[run.answered];
      assert(step !== undefined, 'steps have no holes');
      queue?.next();
      if (step.shards === 0) this.#writeOwn(run, step);
      else this.#replies.writeNext(step, streams, sink);
    }
    if (refused === 0) return;
    queue?.next();
    // Whoever cannot run its part has said why behind its other answers.
    const shard = 31 - Math.clz32(refused & -refused);
    const at = streams.at[shard] ?? 0;
    sink.bulkPiece(at, (streams.end[shard] ?? 0) - at);
  }

  /** A command of an EXEC that is the connection's own affair. */
  #writeOwn(run: ScriptRun, { command }: StepPlan): void {
    const { transcript, window, queue } = run;
    const { session } = transcript;
    if (session === null || queue === null) return;
    const sink = this.#sink;
    // It may change what becomes of replies: those before it have to be out.
    this.#origin.replies.bringUp(window);
    this.#origin.replies.select(session);
    const wasMuted = session.isMuted;
    sink.unmute();
    sink.flush();
    const { bytes } = transcript.bytes;
    this.#replies.runHere(session, command, queue, sink);
    sink.flush();
    if (wasMuted && session.isMuted) transcript.bytes.truncate(bytes);
    if (session.isMuted) sink.mute();
  }
}

/** Before the first transcript nothing is written. */
class NoTarget {
  readonly resp = 2;

  sendRange(): boolean {
    return true;
  }

  lendRange(): void {
    assert(false, 'nothing is lent');
  }

  loseOutput(): void {
    assert(false, 'nothing is lost');
  }
}
