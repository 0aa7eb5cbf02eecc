/**
 * `kora import redis://host:port`: copies a running Redis by acting as its replica. First
 * everything as a dump, then every change as it comes, until it is stopped; the source acknowledges
 * its writes (WAIT) when the target has them. A source that is lost is tried again.
 * Functions and messages of channels are not copied. A command that the target refuses ends it.
 */
import { Fault } from '@kora/core/control';
import { RdbFileReader } from '@kora/storage';
import { CommandRelay } from './command-relay.ts';
import { loadDump } from './dump-loader.ts';
import type { LoadReport } from './dump-loader.ts';
import { DumpOfSource } from './dump-of-source.ts';
import { FollowedSource } from './followed-source.ts';
import type { Progress } from './progress.ts';
import { ServerLink } from './server-link.ts';
import type { ServerUrl } from './server-url.ts';

export interface ImportLiveOptions {
  readonly source: ServerUrl;
  readonly target: ServerUrl;
  /** True: the target forgets all it has first. */
  readonly isFlushing: boolean;
  readonly isSkippingModules: boolean;
  /** True: it ends when everything that was there has been copied. */
  readonly isOnce: boolean;
  /** How long a source whose connection was lost is tried again. */
  readonly retryMs: number;
  readonly progress: Progress;
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number;
  /** Called when the dump has been taken and changes are followed. */
  readonly onFollowing: (report: LoadReport) => void;
  /** Ends the following in order. */
  readonly stop: AbortSignal;
}

/** What was followed. */
export interface FollowReport {
  readonly commands: number;
  readonly functions: number;
  /** Transactions that the target did command by command. */
  readonly splitTransactions: number;
  /** Times that the connection to the source was made again. */
  readonly reconnections: number;
}

/** Copies, and follows until `stop`. @throws {Fault} (rejects) of the source or the target */
export async function importLive(options: ImportLiveOptions): Promise<FollowReport> {
  await refuseKora(options.source);
  const target = await ServerLink.open(options.target);
  try {
    const source = await FollowedSource.open(options.source, options.retryMs);
    const close = (): void => {
      source.close();
    };
    options.stop.addEventListener('abort', close);
    try {
      if (options.stop.aborted) close();
      return await copyAndFollow(source, target, options);
    } finally {
      options.stop.removeEventListener('abort', close);
      source.close();
    }
  } finally {
    target.close();
  }
}

/** A Kora has no replicas; that is said before anything of the target is touched. */
async function refuseKora(url: ServerUrl): Promise<void> {
  if (!(await isKora(url))) return;
  throw new Fault('TRANSFER_FAILED', `${url.shown} is a Kora server, which has no replicas yet; ` +
    'use kora export, then kora import with the file.');
}

/** True when the server says it is a Kora. */
export async function isKora(url: ServerUrl): Promise<boolean> {
  const link = await ServerLink.open(url);
  try {
    return (await infoOf(link)).includes('kora_version:');
  } finally {
    link.close();
  }
}

/** What the server says about itself; nothing when it does not. */
async function infoOf(link: ServerLink): Promise<string> {
  const info = await link.ask('INFO', 'server');
  return info.type === 'bulk' ? Buffer.from(info.value).toString('latin1') : '';
}

async function copyAndFollow(
  source: FollowedSource, target: ServerLink, options: ImportLiveOptions,
): Promise<FollowReport> {
  const hasSeveralWorkers = /^workers:([2-9]|\d\d)/m.test(await infoOf(target));
  const sync = await source.link.fullSync();
  const dump = new DumpOfSource(source.link, sync);
  const reader = new RdbFileReader();
  const report = await loadDump(reader, (into) => dump.fill(into), target, {
    isFlushing: options.isFlushing, isSkippingModules: options.isSkippingModules,
    bytesTotal: sync.dumpBytes, progress: options.progress,
  });
  await dump.end(reader);
  // The stream of commands says SELECT only for what is not database 0, as far as it knows.
  await target.demand('SELECT', 0);
  options.onFollowing(report);
  // A read that waits for the source ends when it is of no use any more.
  const endReading = (): void => {
    source.close();
  };
  target.onFault = endReading;
  const relay = new CommandRelay(target, sync.offset, {
    onAsked: () => {
      source.link.acknowledgeNow();
    },
    onRefused: endReading,
  }, hasSeveralWorkers);
  if (!options.isOnce) await follow(source, sync.replicationId, target, relay, options);
  const { commands, functions, splitTransactions } = relay;
  return { commands, functions, splitTransactions, reconnections: source.reconnections };
}

/** Passes on what comes, over as many connections as it takes, until it is stopped. */
async function follow(
  source: FollowedSource, firstId: string, target: ServerLink, relay: CommandRelay,
  options: ImportLiveOptions,
): Promise<void> {
  let replicationId = firstId;
  const from = relay.offset;
  const taken = (): number => relay.taken;
  source.link.follow(taken);
  try {
    for (;;) {
      let chunk: Uint8Array;
      try {
        chunk = await source.link.read();
      } catch (lost) {
        replicationId = await source.goOn(lost, replicationId, relay.offset, options.nowMs);
        relay.restart();
        source.link.follow(taken);
        continue;
      }
      await relay.take(chunk);
      options.progress.count(relay.offset - from, `following: ${relay.commands} commands`);
    }
  } catch (cause) {
    const fault = relay.fault ?? target.fault;
    if (fault !== null) throw fault;
    if (!options.stop.aborted) throw cause;
  }
  await target.idle();
  if (relay.fault !== null) throw relay.fault;
}
