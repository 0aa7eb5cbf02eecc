/**
 * The addresses a server listens on, from `bind`, `port` and `unixsocket`. A name of `bind` that
 * begins with `-` may fail; `*` and `::*` are all addresses of IPv4 and IPv6. All TCP addresses
 * share one port: with port 0 the first gets a free one and the others take the same. CONFIG SET of
 * `port` and `bind` listens anew when its turn ends; when the new addresses cannot be had the old
 * ones come back, the settings with them, and the log says why. With `cluster-ports` a worker has a
 * port of its own on every address of `bind` too, where a client speaks to it alone.
 * Of several workers the first goes ahead: it decides about a CONFIG SET when all have carried it
 * out, and the others listen where it does, or take the old addresses back as it did.
 * Engines answer `listen` at once or later; changes that come meanwhile wait for the answer.
 */
import type { Settings } from '@kora/core';
import { Fault } from '@kora/core';
import type { IoEngine, ListenAddress } from './io/engine.ts';
import type { Log } from './log.ts';
import type { ProcessWords } from './mesh/process-words.ts';

interface BindName {
  readonly host: string;
  /** The server starts without it. */
  readonly mayFail: boolean;
}

/** Gets null, or why it could not be done. */
type Done = (error: Error | null) => void;

/** Where a server can be reached. */
export interface ListeningAt {
  /** First TCP host in a form a client can connect to; empty without TCP. */
  readonly host: string;
  /** TCP port, 0 without TCP. */
  readonly port: number;
  /** Path of the unix socket, empty without. */
  readonly unixSocket: string;
}

/** One of several workers that listen on the same addresses. */
export interface ListeningWorker {
  readonly words: ProcessWords;
  readonly index: number;
}

const WILDCARDS: Readonly<Record<string, string>> = Object.freeze({ '*': '0.0.0.0', '::*': '::' });

export class Listeners {
  /** What is listened on now. */
  at: ListeningAt = { host: '', port: 0, unixSocket: '' };
  readonly #worker: ListeningWorker | undefined;
  /** Other workers listen on the port already. */
  #isPortShared = false;
  /** CONFIG SETs whose addresses are in force here. */
  #decided = 0;
  readonly #settings: Settings;
  readonly #engine: IoEngine;
  readonly #log: Log;
  /** Called when `at` has changed for good. */
  readonly #onMoved: () => void;
  readonly #tcp: number[] = [];
  #unix = -1;
  /** `port` and `bind` in force. */
  #inForce: readonly [string, string] = ['', ''];
  #isOpen = false;
  #isClosed = false;
  /** `port` or `bind` were set since the last look. */
  #isChangeWanted = false;
  #isChanging = false;

  /** @param worker which of several that listen on the same addresses; absent: there is one */
  constructor(
    settings: Settings, engine: IoEngine, log: Log, onMoved: () => void,
    worker?: ListeningWorker,
  ) {
    this.#worker = worker;
    this.#settings = settings;
    this.#engine = engine;
    this.#log = log;
    this.#onMoved = onMoved;
    for (const name of ['port', 'bind']) {
      settings.bind(name, () => {
        this.#isChangeWanted = true;
      });
    }
  }

  /**
   * Starts listening. `done` gets the Fault when an address that must be there cannot be had.
   */
  open(done: Done): void {
    this.#openTcp((refusal) => {
      const path = this.#unixPath;
      if (refusal !== null) {
        done(refusal);
      } else if (path !== '') {
        this.#openUnix(path, done);
      } else if (this.at.host === '' && this.#settings.text('unixsocket') === '') {
        done(new Fault(
          'LISTEN_FAILED', 'bind and unixsocket are empty: no address to listen on',
        ));
      } else {
        this.#opened(done);
      }
    });
  }

  /** False while it waits for what other workers make of a CONFIG SET. */
  get isSettled(): boolean {
    const worker = this.#worker;
    if (this.#isChanging) return false;
    return worker === undefined || worker.words.changesOf(worker.index) === this.#decided;
  }

  /** A turn has ended: what was set in it is made true now. */
  followSettings(): void {
    if (!this.#isOpen || this.#isChanging) return;
    const worker = this.#worker;
    if (worker !== undefined) {
      if (worker.index === 0) this.#goAhead(worker.words);
      else this.#follow(worker);
      return;
    }
    if (!this.#isChangeWanted) return;
    this.#isChangeWanted = false;
    if (!this.#isInForce) this.#listenAnew();
  }

  get #isInForce(): boolean {
    const [port, bind] = this.#inForce;
    return this.#settings.text('port') === port && this.#settings.text('bind') === bind;
  }

  /** The first worker: listens anew when all others know what is asked for. */
  #goAhead(words: ProcessWords): void {
    const changes = words.changesOf(0);
    if (changes === this.#decided || !words.haveAllChanged(changes)) return;
    this.#decided = changes;
    if (this.#isInForce) {
      words.decide(changes);
      return;
    }
    this.#isPortShared = this.#settings.text('port') === this.#inForce[0];
    this.#listenAnew();
  }

  /** Another worker: listens where the first does. */
  #follow({ words, index }: ListeningWorker): void {
    const { decided } = words;
    if (decided === this.#decided || decided !== words.changesOf(index)) return;
    this.#decided = decided;
    const [, bindBefore] = this.#inForce;
    if (!words.isBoundTo(this.#settings.text('bind'))) this.#settings.load([['bind', bindBefore]]);
    this.#settings.load([['port', String(words.port)]]);
    if (this.#isInForce) return;
    this.#isChanging = true;
    this.#closeTcp();
    this.#openTcp((refusal) => {
      if (refusal !== null) this.#sayLost(refusal);
      this.#changed();
    });
  }

  #sayLost(loss: Error): void {
    this.#log('warning', `no TCP address is listened on any more: ${loss.message}`);
  }

  /** Before `open`: the port that the first worker has got. */
  sharePort(port: number): void {
    this.#settings.load([['port', String(port)]]);
  }

  /** A unix socket has one listener: the first worker. */
  get #unixPath(): string {
    const isFirst = this.#worker === undefined || this.#worker.index === 0;
    return isFirst ? this.#settings.text('unixsocket') : '';
  }

  /** Stops accepting everywhere. */
  close(): void {
    this.#isClosed = true;
    this.#isOpen = false;
    this.#closeTcp();
    if (this.#unix >= 0) this.#engine.stopListening(this.#unix);
    this.#unix = -1;
  }

  get #backlog(): number {
    return this.#settings.number('tcp-backlog');
  }

  #closeTcp(): void {
    for (const listener of this.#tcp.splice(0)) this.#engine.stopListening(listener);
    this.at = { host: '', port: 0, unixSocket: this.at.unixSocket };
  }

  #openUnix(path: string, done: Done): void {
    const pathMode = this.#settings.number('unixsocketperm');
    this.#listen({ path, pathMode, backlog: this.#backlog }, (error, listener) => {
      if (error !== null) {
        done(error);
        return;
      }
      this.#unix = listener;
      this.at = { ...this.at, unixSocket: path };
      this.#opened(done);
    });
  }

  #opened(done: Done): void {
    if (this.#isClosed) {
      this.close();
      done(new Fault('ENGINE_CLOSED', 'the server was closed while it started'));
      return;
    }
    this.#isOpen = true;
    this.#onMoved();
    done(null);
  }

  /** Asks the engine; the answer comes when the listener's number is known, not before. */
  #listen(
    address: ListenAddress, done: (error: Error | null, listener: number, port: number) => void,
  ): void {
    const early: (() => void)[] = [];
    let listener = -1;
    listener = this.#engine.listen(address, (error, port) => {
      const answer = (): void => {
        done(error, listener, port);
      };
      if (listener < 0) early.push(answer);
      else answer();
    });
    early[0]?.();
  }

  #openTcp(done: Done): void {
    const names = bindNames(this.#settings.text('bind'));
    this.#openNames(names, this.#settings.number('port'), null, done);
  }

  /** Listens on one name after the other. `lost` is the failure of those that may fail. */
  #openNames(names: readonly BindName[], port: number, lost: Error | null, done: Done): void {
    const [name, ...rest] = names;
    if (name === undefined) {
      this.#tcpOpened(port, this.at.host === '' ? lost : null, done);
      return;
    }
    const { host, mayFail } = name;
    const sharing = this.#sharing;
    this.#listen({ host, port, backlog: this.#backlog, sharing }, (error, listener, bound) => {
      if (error !== null) {
        if (mayFail) this.#openNames(rest, port, error, done);
        else this.#tcpOpened(port, error, done);
        return;
      }
      this.#tcp.push(listener);
      if (this.at.host === '') {
        this.at = { ...this.at, host: host === '0.0.0.0' ? '127.0.0.1' : host };
      }
      this.#openNode(host, (refusal) => {
        if (refusal === null) this.#openNames(rest, bound, lost, done);
        else this.#tcpOpened(bound, refusal, done);
      });
    });
  }

  /** The port of this worker alone, as a node of a cluster. */
  #openNode(host: string, done: Done): void {
    const first = this.#settings.number('cluster-ports');
    if (first === 0) {
      done(null);
      return;
    }
    const port = first + (this.#worker?.index ?? 0);
    this.#listen({ host, port, backlog: this.#backlog, sharing: 'none' }, (error, listener) => {
      if (error === null) this.#tcp.push(listener);
      done(error);
    });
  }

  /** Of several workers the first makes sure that nobody else listens there. */
  get #sharing(): 'none' | 'first' | 'next' {
    if (this.#worker === undefined) return 'none';
    return this.#worker.index === 0 && !this.#isPortShared ? 'first' : 'next';
  }

  #tcpOpened(port: number, failure: Error | null, done: Done): void {
    if (failure !== null) {
      this.#closeTcp();
      done(failure);
      return;
    }
    this.at = { ...this.at, port: this.at.host === '' ? 0 : port };
    // Port 0 shows as the port it became.
    if (this.at.port !== 0) this.#settings.load([['port', String(this.at.port)]]);
    this.#inForce = [this.#settings.text('port'), this.#settings.text('bind')];
    done(null);
  }

  /** After CONFIG SET: the new addresses, or the old ones again. */
  #listenAnew(): void {
    const [port, bind] = this.#inForce;
    this.#isChanging = true;
    this.#closeTcp();
    this.#openTcp((refusal) => {
      if (refusal === null) {
        this.#changed();
        return;
      }
      this.#log('warning', `the addresses stay as they are: ${refusal.message}`);
      this.#settings.load([['port', port], ['bind', bind]]);
      this.#isPortShared = this.#worker !== undefined;
      this.#openTcp((loss) => {
        if (loss !== null) this.#sayLost(loss);
        this.#changed();
      });
    });
  }

  #changed(): void {
    this.#isChanging = false;
    // The server may have been closed meanwhile.
    if (this.#isOpen) this.#onMoved();
    else this.#closeTcp();
    if (this.#worker?.index === 0) this.#worker.words.decide(this.#decided);
  }
}

/** The names of `bind`. */
export function bindNames(text: string): BindName[] {
  return text.split(/\s+/).filter((word) => word !== '').map((word) => {
    const mayFail = word.startsWith('-');
    const name = mayFail ? word.slice(1) : word;
    return { host: WILDCARDS[name] ?? name, mayFail };
  });
}
