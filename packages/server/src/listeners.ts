/**
 * The addresses a server listens on, from `bind`, `port` and `unixsocket`. A name of `bind` that
 * begins with `-` may fail; `*` and `::*` are all addresses of IPv4 and IPv6. All TCP addresses
 * share one port: with port 0 the first gets a free one and the others take the same. CONFIG SET of
 * `port` and `bind` listens anew; when the new addresses cannot be had the old ones come back, the
 * settings with them, and the log says why.
 */
import type { Settings } from '@kora/core';
import { Fault } from '@kora/core';
import type { IoEngine, ListenAddress } from './io/engine.ts';
import type { Log } from './log.ts';

interface BindName {
  readonly host: string;
  /** The server starts without it. */
  readonly mayFail: boolean;
}

const WILDCARDS: Readonly<Record<string, string>> = Object.freeze({ '*': '0.0.0.0', '::*': '::' });

export class Listeners {
  /** First TCP host in a form a client can connect to; empty without TCP. */
  host = '';
  /** TCP port, 0 without TCP. */
  port = 0;
  /** Path of the unix socket, empty without. */
  unixSocket = '';
  readonly #settings: Settings;
  readonly #engine: IoEngine;
  readonly #log: Log;
  readonly #tcp: number[] = [];
  #unix = -1;
  /** The last change of addresses; the next one waits for it. */
  #change: Promise<void> = Promise.resolve();
  /** `port` and `bind` in force. */
  #inForce: readonly [string, string] = ['', ''];
  #isOpen = false;

  constructor(settings: Settings, engine: IoEngine, log: Log) {
    this.#settings = settings;
    this.#engine = engine;
    this.#log = log;
    for (const name of ['port', 'bind']) {
      settings.bind(name, () => {
        if (this.#isOpen) this.#change = this.#change.then(() => this.#listenAnew());
      });
    }
  }

  /**
   * Starts listening. @throws {Fault} (rejects) when an address that must be there cannot be had
   */
  async open(): Promise<void> {
    await this.#openTcp();
    const path = this.#settings.text('unixsocket');
    if (path !== '') {
      const pathMode = this.#settings.number('unixsocketperm');
      const opened = await this.#listen({ path, pathMode, backlog: this.#backlog });
      this.#unix = opened.listener;
      this.unixSocket = path;
    }
    if (this.host === '' && path === '') {
      throw new Fault('LISTEN_FAILED', 'bind and unixsocket are empty: no address to listen on');
    }
    this.#isOpen = true;
  }

  /** Stops accepting everywhere. */
  close(): void {
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
    this.host = '';
    this.port = 0;
  }

  async #openTcp(): Promise<void> {
    let port = this.#settings.number('port');
    let failure: Error | null = null;
    for (const { host, mayFail } of bindNames(this.#settings.text('bind'))) {
      try {
        const opened = await this.#listen({ host, port, backlog: this.#backlog });
        this.#tcp.push(opened.listener);
        port = opened.port;
        if (this.host === '') this.host = host === '0.0.0.0' ? '127.0.0.1' : host;
      } catch (cause) {
        failure = cause instanceof Error ? cause : new Error(String(cause));
        if (!mayFail) break;
      }
      if (this.host !== '' && mayFail) failure = null;
    }
    if (failure !== null) {
      this.#closeTcp();
      throw failure;
    }
    this.port = this.host === '' ? 0 : port;
    // Port 0 shows as the port it became.
    if (this.port !== 0) this.#settings.load([['port', String(this.port)]]);
    this.#inForce = [this.#settings.text('port'), this.#settings.text('bind')];
  }

  /** After CONFIG SET: the new addresses, or the old ones again. */
  async #listenAnew(): Promise<void> {
    const [port, bind] = this.#inForce;
    const isSame = this.#settings.text('port') === port && this.#settings.text('bind') === bind;
    if (!this.#isOpen || isSame) return;
    this.#closeTcp();
    const refusal = await this.#tryTcp();
    if (refusal === null) return;
    this.#log('warning', `the addresses stay as they are: ${refusal}`);
    this.#settings.load([['port', port], ['bind', bind]]);
    const loss = await this.#tryTcp();
    if (loss !== null) this.#log('warning', `no TCP address is listened on any more: ${loss}`);
  }

  /** Listens on TCP; the reason when it cannot. */
  async #tryTcp(): Promise<string | null> {
    try {
      await this.#openTcp();
    } catch (cause) {
      return cause instanceof Error ? cause.message : String(cause);
    }
    // The server may have been closed meanwhile.
    if (!this.#isOpen) this.#closeTcp();
    return null;
  }

  #listen(address: ListenAddress): Promise<{ readonly listener: number; readonly port: number }> {
    return new Promise((resolve, reject) => {
      const listener = this.#engine.listen(address, (error, port) => {
        if (error === null) resolve({ listener, port });
        else reject(error);
      });
    });
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
