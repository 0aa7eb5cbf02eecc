/**
 * How received bytes become commands: every complete request runs at once and in order, replies
 * leave in one send, the bytes of an unfinished request are kept (input.ts says where). A command
 * that has to wait holds its session: requests behind it stay in order, unread. When several lie
 * there, their keys are looked up together before they run (pipeline.hot.ts), and nobody can tell;
 * in MULTI, where they are only queued, they are not.
 */
import type { Command, Executor, Shard } from '@kora/core';
import {
  ArgFrame, assert, ClientFlag, ClientState, findCommand, Outcome, ReplyError, replyErrors, Stat,
} from '@kora/core';
import { PARSE_BIG, PARSE_ERROR, PARSE_MORE, PARSE_REQUEST, RequestParser } from '@kora/protocol';
import { isHttp } from './http-request.ts';
import type { Input } from './input.ts';
import { isUnread } from './limits.ts';
import type { Bursts } from './mesh/bursts.ts';
import type { Origin } from './mesh/origin.ts';
import { Step } from './mesh/origin.ts';
import { AHEAD_COUNT_MAX, Pipeline } from './pipeline.hot.ts';
import type { RespSink } from './resp-sink.ts';
import { noteBurst, noteSent } from './store/asked-changes.ts';
import type { Session } from './session.ts';
import { Hold } from './session.ts';
import type { Worker } from './worker.ts';

/**
 * Bytes a held session may send before receiving is paused; until then the end of its peer is
 * noticed.
 */
const HELD_BYTES_MAX = 65_536;
/** Code of the parser's error for a frame above client-query-buffer-limit. */
const FRAME_TOO_BIG = 'FRAME_TOO_BIG';

/** Parsers kept for reuse. */
const SPARE_PARSERS_MAX = 16;

export class Requests {
  readonly #worker: Worker;
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #sink: RespSink;
  readonly #input: Input;
  readonly #frame: ArgFrame;
  readonly #pipeline: Pipeline;
  readonly #low: Uint8Array;
  #isLate = false;
  /** More of the session has come behind the request that runs. */
  #isFollowed = false;
  readonly #origin: Origin | null;
  readonly #bursts: Bursts | null;
  /** Serves every session that has no frame in progress. */
  #parser: RequestParser;
  /** Parsers that sessions gave back, for the next unfinished frames. */
  readonly #spares: RequestParser[] = [];

  /** @param aheadCountMax most requests that are found ahead of the running one; 1 = none */
  constructor(worker: Worker, input: Input, aheadCountMax: number) {
    this.#worker = worker;
    this.#shard = worker.shard;
    this.#executor = worker.executor;
    this.#sink = worker.sink;
    this.#input = input;
    this.#low = worker.shard.memory.low;
    this.#frame = new ArgFrame(worker.shard.memory, new ClientState(0));
    this.#origin = worker.mesh?.origin ?? null;
    this.#bursts = worker.mesh?.bursts ?? null;
    this.#pipeline = new Pipeline(
      worker.shard, worker.executor.registry, aheadCountMax, worker.mesh?.router ?? null,
    );
    this.#parser = new RequestParser(worker.limits.request);
  }

  /** Takes `bytes` received bytes at `at`; they are not needed there afterwards. */
  receive(session: Session, at: number, bytes: number): void {
    session.isHeadAsked = false;
    if (session.landingRef !== 0 && this.#input.isLanding(session, at)) {
      this.#takeLanded(session, bytes);
    } else if (session.bigRoot !== 0 || session.inputRef !== 0 || session.hold !== Hold.None) {
      this.#add(session, at, bytes);
    } else {
      this.#run(session, at, at + bytes);
    }
  }

  /** Bytes that the engine put where it was asked to: the next of a big argument. */
  #takeLanded(session: Session, bytes: number): void {
    const { parser } = session;
    assert(parser !== null, 'a session with a big argument under way has its parser');
    if (this.#input.land(session, parser.pendingBytes, bytes)) this.#checkQueryLimit(session);
    else this.#failMemory(session);
  }

  /** More bytes, anywhere in the memory, after those the session has kept. */
  #add(session: Session, at: number, bytes: number): void {
    if (session.bigRoot !== 0) {
      this.#continueBig(session, at, at + bytes);
      return;
    }
    if (!this.#input.append(session, at, bytes)) {
      this.#failMemory(session);
      return;
    }
    if (session.hold === Hold.None) {
      this.resume(session);
      return;
    }
    this.#boundHeld(session);
    this.#checkQueryLimit(session);
  }

  /** Goes on with the kept bytes of a session that is not held any more. */
  resume(session: Session): void {
    if (session.inputRef === 0) return;
    const start = session.inputRef * 8;
    // Requests that waited for other workers are likely to wait again, unless they may go as a
    // burst: found ahead, most of them would be found again and again.
    const { window } = session;
    const mayBurst = window === null || (window.isOrdered && !window.isFull(AHEAD_COUNT_MAX));
    this.#isLate = session.isLate && !mayBurst;
    this.#run(session, start, start + session.inputBytes);
    this.#isLate = false;
  }

  /** Runs every complete request in [from, end); keeps what is left. */
  #run(session: Session, from: number, end: number): void {
    const parser = session.parser ?? this.#parser;
    if (session.parser === null) parser.begin(from);
    const sink = this.#sink;
    sink.begin(session);
    if (session.isMuted) sink.mute();
    const worker = this.#worker;
    const { running, tracking } = worker;
    worker.running = session;
    const result = this.#runAll(session, parser, end);
    worker.running = running;
    if (tracking.prefixes.hasKeys) tracking.tellPrefixes();
    sink.flush();
    if (session.isClosing) this.#worker.finish(session, parser);
    else if (result === PARSE_ERROR && session.window !== null) this.#holdError(session, parser);
    else if (result === PARSE_ERROR) this.#failProtocol(session, parser);
    else this.#keepRest(session, parser, end);
  }

  /** The loop of a turn; returns the parser's last word. */
  #runAll(session: Session, parser: RequestParser, end: number): number {
    const frame = this.#frame;
    const pipeline = this.#pipeline;
    const { limits } = this.#worker;
    frame.client = session;
    let result = session.isRequestHeld ? PARSE_REQUEST : this.#next(session, parser, end);
    session.isRequestHeld = false;
    while (result === PARSE_REQUEST) {
      let command: Command | undefined;
      if (
        pipeline.countMax > 1 && !this.#isLate &&
        pipeline.seesMore(this.#low, parser.position, end) &&
        session.isAuthenticated && (session.flags & ClientFlag.InMulti) === 0
      ) {
        pipeline.find(parser, this.#low, end, session.db);
        if ((session.flags & ClientFlag.Tracks) !== 0) pipeline.findTracked(session.tracker);
        if (pipeline.count > 0 && !this.#runAhead(session, parser, end)) return PARSE_MORE;
        if (pipeline.hasLast === 0) {
          result = this.#next(session, parser, end);
          continue;
        }
        command = pipeline.lastCommand;
      }
      frame.bind(parser.argAt, parser.argBytes, parser.argc);
      if (command === undefined && limits.suspectsHttp && isHttp(this.#low, frame)) {
        this.#refuseHttp(session);
        return PARSE_MORE;
      }
      this.#isFollowed = parser.position < end;
      if (!this.#execute(session, command)) return PARSE_MORE;
      result = this.#next(session, parser, end);
    }
    return result;
  }

  /**
   * Runs what was found ahead, in order. False when the session stopped on the way: the parser then
   * stands as if nothing behind that request had been parsed.
   */
  #runAhead(session: Session, parser: RequestParser, end: number): boolean {
    const pipeline = this.#pipeline;
    const { commands, count, owners, starts } = pipeline;
    const bursts = this.#executor.tap === null ? this.#bursts : null;
    if (bursts?.publish(session, pipeline, (starts[count] ?? 0) < end) === true) {
      noteBurst(this.#worker.store, session, commands, count);
      bursts.runOwn(session, pipeline, this.#frame);
      if (this.#mayGoOn(session)) return true;
      parser.begin(starts[count] ?? 0);
      return false;
    }
    const areHere = bursts?.areHere(session, pipeline) === true;
    for (let i = 0; i < count; i++) {
      pipeline.present(this.#frame, i);
      if (areHere && session.window === null) {
        if (this.#executeOwn(session, commands[i])) continue;
      } else {
        this.#isFollowed = (starts[i + 1] ?? 0) < end;
        if (this.#execute(session, commands[i], owners[i])) continue;
      }
      parser.begin(starts[session.isRequestHeld ? i : i + 1] ?? 0);
      if (session.isRequestHeld) {
        const result = parser.parse(this.#low, starts[i + 1] ?? 0);
        assert(result === PARSE_REQUEST, 'what was found ahead is found again');
      }
      return false;
    }
    return true;
  }

  /**
   * Runs the request in the frame; `command` is what its name says, undefined when nobody looked.
   * False when no other may run now: the request was parked, or the session is held or closing.
   */
  #execute(session: Session, command: Command | undefined, owner = -1): boolean {
    const origin = this.#origin;
    if (origin === null) return this.#executeHere(session, command, this.#sink);
    if (this.#executor.tap !== null && session.turn === null && this.#worker.monitors.isCrowded) {
      session.isRequestHeld = true;
      session.hold = Hold.Foreign;
      origin.goOnSoon(session);
      return false;
    }
    return this.#executeAmong(origin, session, command, owner);
  }

  /** As #execute, where all runs as it would without other workers (Bursts.areHere). */
  #executeOwn(session: Session, command: Command | undefined): boolean {
    const mayGoOn = this.#executeHere(session, command, this.#sink);
    this.#origin?.replies.select(session); // Whom it has served may have been answered.
    return mayGoOn;
  }

  /** As #execute, where keys may be another worker's. */
  #executeAmong(
    origin: Origin, session: Session, looked: Command | undefined, owner: number,
  ): boolean {
    const frame = this.#frame;
    const found = looked ?? findCommand(this.#shard, this.#executor.registry, frame);
    const command = found instanceof ReplyError ? undefined : found;
    const { window } = session;
    const here = window === null ? Step.Here : Step.Hold;
    const { monitors } = this.#worker;
    const shown = this.#executor.tap === null || command === undefined ? null
      : monitors.callsOf(session, command, frame);
    const watches = session.watchShards !== 0 || session.watcher !== 0;
    const step = command === undefined ? here : origin.dispatch(
      session, command, frame, owner, this.#isFollowed,
    );
    if (shown !== null && step === Step.Sent) {
      monitors.showCalls(session, shown, watches && command?.name === 'exec');
    }
    if (step === Step.Sent) noteSent(this.#worker.store, session, command);
    origin.replies.select(session);
    if (step === Step.Hold) {
      session.isRequestHeld = true;
      session.hold = Hold.Foreign;
      return false;
    }
    if (step === Step.Here) {
      const sink = window === null ? this.#sink : origin.replies.stageFor(window);
      const wasInMulti = (session.flags & ClientFlag.InMulti) !== 0;
      const { store } = this.#worker;
      const before = window === null ? 0 : store?.appended;
      const mayGoOn = this.#executeHere(session, command, sink);
      // A pause may hold it after all: its locks go, or all that comes behind it would wait too.
      if (session.turn !== null) origin.gate.finishTurn(session);
      origin.replies.select(session);
      if (window !== null && store?.appended !== before) store?.noteAsked(session.slot);
      if (session.watchShards !== 0) origin.afterLocal(session, wasInMulti);
      return mayGoOn;
    }
    session.lastCommand = command ?? null;
    session.bigHeldBytes = 0;
    const mustApply = session.isSkippingNext || (session.flags & ClientFlag.CachingSaid) !== 0;
    if (mustApply) this.#applyFlags(session);
    // What began may have let a CLIENT KILL of another worker run; or it waits.
    return this.#mayGoOn(session);
  }

  #executeHere(session: Session, command: Command | undefined, sink: RespSink): boolean {
    const executor = this.#executor;
    const worker = this.#worker;
    worker.isRunning = sink === this.#sink;
    worker.runningProgress = sink.progress;
    const outcome = command === undefined
      ? executor.execute(this.#frame, sink)
      : executor.run(command, this.#frame, sink);
    worker.isRunning = false;
    const { following } = worker;
    if (following > 0) worker.pushes.followReply(session);
    if (outcome === Outcome.Parked) {
      session.isRequestHeld = true;
      worker.park(session);
      return false;
    }
    if (sink !== this.#sink) this.#origin?.replies.staged(session);
    if (following > 0) worker.tracking.tellOwn();
    session.lastCommand = executor.current;
    session.bigHeldBytes = 0;
    if (session.flags !== 0 || session.isSkippingNext) this.#applyFlags(session);
    return this.#mayGoOn(session);
  }

  /** False when nothing more of the session may run now: it ended, is held, or has to read. */
  #mayGoOn(session: Session): boolean {
    if (session.isClosing || session.hold !== Hold.None) return false;
    if (session.outputBytes !== 0 && isUnread(session)) {
      session.hold = Hold.Unread;
      return false;
    }
    return true;
  }

  /** A request across protocols ends without a word, as in Redis. */
  #refuseHttp(session: Session): void {
    const { address } = session.peer;
    this.#worker.log('warning', `an HTTP request from ${address}: connection closed`);
    this.#worker.beginClosing(session);
  }

  /** The next request or the reason there is none; takes in big arguments on the way. */
  #next(session: Session, parser: RequestParser, end: number): number {
    parser.isAuthenticated = session.isAuthenticated;
    for (;;) {
      const result = parser.parse(this.#low, end);
      if (result !== PARSE_BIG) return result;
      const { position, pendingBytes } = parser;
      const taken = this.#input.takeBig(session, pendingBytes, position, end);
      if (taken < 0) {
        this.#sayMemory(session);
        return PARSE_MORE;
      }
      if (session.bigArrived < pendingBytes) return PARSE_MORE;
      parser.acceptBig(this.#input.giveBig(session), position + taken);
    }
  }

  /**
   * More bytes of a big argument, where they arrived; the rest of the frame is in the session's
   * block.
   */
  #continueBig(session: Session, from: number, end: number): void {
    const { parser } = session;
    assert(parser !== null, 'a session with a big argument under way has its parser');
    const taken = this.#input.takeBig(session, parser.pendingBytes, from, end);
    if (taken < 0) {
      this.#failMemory(session);
      return;
    }
    if (session.bigArrived < parser.pendingBytes) {
      this.#checkQueryLimit(session);
      this.#input.askForBig(session, parser.pendingBytes);
      return;
    }
    parser.acceptBig(this.#input.giveBig(session));
    const keptEnd = session.inputRef * 8 + session.inputBytes;
    assert(keptEnd === parser.position, 'a block ends where its frame goes on');
    if (!this.#input.append(session, from + taken, end - from - taken)) {
      this.#failMemory(session);
      return;
    }
    this.resume(session);
  }

  /** What a command asked of its connection: CLIENT REPLY, QUIT, KILL of itself. */
  #applyFlags(session: Session): void {
    const sink = this.#sink;
    if (session.isSkippingNext) {
      session.isSkippingNext = false;
      if ((session.flags & ClientFlag.ReplyOff) === 0) sink.unmute();
    }
    if ((session.flags & ClientFlag.ReplySkip) !== 0) {
      session.flags &= ~ClientFlag.ReplySkip;
      session.isSkippingNext = true;
    }
    if (session.isMuted) sink.mute();
    if ((session.flags & ClientFlag.InMulti) !== 0) this.#checkQueryLimit(session);
    if ((session.flags & ClientFlag.CachingSaid) !== 0) {
      this.#worker.tracking.afterCommand(session, session.lastCommand);
    }
    if ((session.flags & ClientFlag.CloseAfterReply) !== 0) this.#worker.beginClosing(session);
  }

  /** Keeps the bytes of an unfinished or held request, or frees the session's block. */
  #keepRest(session: Session, parser: RequestParser, end: number): void {
    const hasFrame = session.isRequestHeld || !parser.isIdle;
    const start = hasFrame ? parser.frameStart : parser.position;
    // Bytes of a big argument that is still arriving are in its rope already.
    const stop = session.bigRoot === 0 ? end : parser.position;
    if (!hasFrame) this.#giveParser(session);
    if (start >= stop) {
      this.#input.release(session);
    } else if (!hasFrame) {
      if (!this.#input.keep(session, null, start, stop)) this.#failMemory(session);
    } else {
      if (session.parser === null) {
        session.parser = parser;
        this.#parser = this.#spares.pop() ?? new RequestParser(this.#worker.limits.request);
      }
      if (!this.#input.keep(session, parser, start, stop)) this.#failMemory(session);
    }
    if (session.hold !== Hold.None) this.#boundHeld(session);
    if (session.inputRef !== 0) this.#checkQueryLimit(session);
    if (session.bigRoot !== 0) this.#input.askForBig(session, parser.pendingBytes);
    else if (session.headRef !== 0 || session.expectsBig) this.#keepHead(session);
  }

  /** After a big request the head of the next comes alone; one that was not big ends that. */
  #keepHead(session: Session): void {
    if (session.parser !== null || session.inputRef !== 0) return;
    if (session.expectsBig && session.hold === Hold.None) this.#input.askForHead(session);
    else this.#input.closeHead(session);
    session.expectsBig = false;
  }

  /** The session has no frame in progress any more: the shared parser serves it again. */
  #giveParser(session: Session): void {
    const { parser } = session;
    if (parser === null) return;
    session.parser = null;
    if (this.#spares.length < SPARE_PARSERS_MAX) this.#spares.push(parser);
  }

  /** A held session that goes on sending is not read any more. */
  #boundHeld(session: Session): void {
    if (session.hold === Hold.Unread || session.inputBytes > HELD_BYTES_MAX) {
      this.#worker.engine.pauseReceive(session.slot);
    }
  }

  #checkQueryLimit(session: Session): void {
    const worker = this.#worker;
    if (session.isClosing || session.queryBytes <= worker.limits.queryBytesMax) return;
    worker.count(Stat.QueryLimitDisconnections);
    worker.log('warning', `client ${session.id} cut: it reached client-query-buffer-limit`);
    worker.cut(session);
  }

  #failProtocol(session: Session, parser: RequestParser): void {
    const worker = this.#worker;
    if (parser.error?.code === FRAME_TOO_BIG) worker.count(Stat.QueryLimitDisconnections);
    const message = parser.error?.message ?? 'Protocol error';
    worker.log('verbose', `client ${session.id} closed: ${message}`);
    this.#say(session, new ReplyError(`ERR ${message}`));
    worker.finish(session, parser);
  }

  /** A protocol error behind commands whose replies are under way: it is said after them. */
  #holdError(session: Session, parser: RequestParser): void {
    session.protocolError = parser.error?.message ?? 'Protocol error';
    session.hold = Hold.Foreign;
    if (session.parser === null) this.#parser = new RequestParser(this.#worker.limits.request);
    session.parser = parser;
    this.#input.release(session);
    this.#worker.engine.pauseReceive(session.slot);
  }

  /** Says the protocol error that was held back, and ends the session. */
  failHeld(session: Session): void {
    const worker = this.#worker;
    worker.log('verbose', `client ${session.id} closed: ${session.protocolError}`);
    this.#say(session, new ReplyError(`ERR ${session.protocolError}`));
    worker.finish(session, session.parser);
  }

  /** Memory is short for a request: nothing of it ran. */
  #failMemory(session: Session): void {
    this.#sayMemory(session);
    this.#worker.finish(session, session.parser);
  }

  #sayMemory(session: Session): void {
    this.#worker.log('warning', `client ${session.id} cut: no memory is left for its request`);
    this.#say(session, replyErrors.arenaFull);
  }

  /** One last error; nothing else of the connection runs. */
  #say(session: Session, error: ReplyError): void {
    this.#sink.begin(session);
    this.#sink.error(error);
    this.#shard.stats.countError(error.prefix);
    this.#worker.beginClosing(session);
  }
}
