/**
 * One soak: many clients at once against a running server, a control connection that looks at it
 * every few seconds, and a verdict. It passes when
 *   - every reply was right,
 *   - memory, clients and descriptors stayed flat (soak-samples.ts),
 *   - and after the last client left, its keys removed, all of them came back to where they were
 *     before the first: a leak shows here even when the soak was short.
 * The first wrong reply ends the soak.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { randomSource } from '@kora/core/testing';
import type { ServerProcess } from '../processes.ts';
import { SoakClient } from './soak-client.ts';
import { SoakConnection } from './soak-connection.ts';
import { textOfNode } from './soak-model.ts';
import type { FigureVerdict, SoakSample } from './soak-samples.ts';
import { RECEIVE_POOL_BYTES_MAX, marginsFor, verdictsOf } from './soak-samples.ts';

/** What is run. */
export interface SoakOptions {
  readonly clients: number;
  readonly seconds: number;
  readonly sampleSeconds: number;
  readonly seed: number;
  /** How long the server may take to come to rest after the last client left, ms. */
  readonly restMsMax?: number;
  /** Hears every sample, for a line of progress. */
  readonly onSample?: (sample: SoakSample) => void;
}

/** How it went. */
export interface SoakReport {
  readonly seed: number;
  readonly commands: number;
  readonly connections: number;
  readonly samples: readonly SoakSample[];
  readonly verdicts: readonly FigureVerdict[];
  /** Before the first client and after the last. */
  readonly before: SoakSample;
  readonly after: SoakSample;
  /** What is wrong, in words; empty when the soak passed. */
  readonly complaints: readonly string[];
}

/** How long a server may take to notice that everybody left, and to free what they held. */
const REST_MS_MAX = 10_000;
const REST_POLL_MS = 100;
/** Tables that grew for the keys of the soak stay; they are smaller than this. */
const DATA_BYTES_KEPT_MAX = 1 << 20;
/** Descriptors the process may have opened for itself meanwhile. */
const DESCRIPTORS_KEPT_MAX = 2;

/** Looks at the server through its own eyes and the system's. */
async function look(
  server: ServerProcess, control: SoakConnection, startMs: number,
): Promise<SoakSample> {
  const text = textOfNode(await control.call('INFO'));
  const memory = textOfNode(await control.call('MEMORY', 'MALLOC-STATS'));
  const usedBy = (name: string): number =>
    Number(new RegExp(String.raw`${name} used_bytes:(\d+)`).exec(memory)?.[1] ?? NaN);
  const field = (name: string): number =>
    Number(new RegExp(String.raw`\n${name}:(\d+)`).exec(text)?.[1] ?? NaN);
  return {
    atSeconds: (performance.now() - startMs) / 1000,
    residentBytes: server.residentBytes(), descriptors: server.descriptors(),
    clients: field('connected_clients'),
    dataBytes: usedBy('arena'), bufferBytes: usedBy('buffers'),
    keys: [...text.matchAll(/\ndb\d+:keys=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0),
  };
}

/** Waits until the server is as it was before, as far as it gets in time. */
async function rested(
  server: ServerProcess, control: SoakConnection, before: SoakSample, restMsMax: number,
): Promise<SoakSample> {
  const endMs = performance.now() + restMsMax;
  for (;;) {
    const sample = await look(server, control, endMs - restMsMax);
    if (leftovers(before, sample).length === 0 || performance.now() > endMs) return sample;
    await pause(REST_POLL_MS);
  }
}

/** What the server still holds. */
function leftovers(before: SoakSample, after: SoakSample): string[] {
  const left: string[] = [];
  const more = (name: string, was: number, is: number, kept: number): void => {
    if (!(is - was <= kept)) left.push(`${name} was ${was} before and is ${is} after all left`);
  };
  more('connected_clients', before.clients, after.clients, 0);
  more('descriptors', before.descriptors, after.descriptors, DESCRIPTORS_KEPT_MAX);
  more('keys', before.keys, after.keys, 0);
  more('memory of data', before.dataBytes, after.dataBytes, DATA_BYTES_KEPT_MAX);
  more('memory of buffers', before.bufferBytes, after.bufferBytes, RECEIVE_POOL_BYTES_MAX);
  return left;
}

/** Takes samples until the time is over or somebody failed. */
async function watch(
  server: ServerProcess, control: SoakConnection, options: SoakOptions, isOver: () => boolean,
): Promise<SoakSample[]> {
  const samples: SoakSample[] = [];
  const startMs = performance.now();
  while (performance.now() - startMs < options.seconds * 1000 && !isOver()) {
    await pause(options.sampleSeconds * 1000);
    const sample = await look(server, control, startMs);
    samples.push(sample);
    options.onSample?.(sample);
  }
  return samples;
}

/** Runs a soak against the server, which nobody else uses. */
export async function runSoak(server: ServerProcess, options: SoakOptions): Promise<SoakReport> {
  const { seed } = options;
  const control = await SoakConnection.open(server.port);
  const startMs = performance.now();
  const before = await look(server, control, startMs);
  const complaints: string[] = [];
  const clients = Array.from({ length: options.clients }, (_, i) =>
    new SoakClient(server.port, randomSource(seed * 1000 + i), i, `seed ${seed}, client ${i}`));
  const stop = (): void => {
    for (const client of clients) client.stop();
  };
  const lives = clients.map((client) => client.live().catch((cause: unknown) => {
    complaints.push(cause instanceof Error ? cause.message : String(cause));
    stop();
  }));
  let samples: SoakSample[] = [];
  let after = before;
  try {
    samples = await watch(server, control, options, () => complaints.length > 0);
    stop();
    await Promise.all(lives);
    if (complaints.length === 0) {
      after = await rested(server, control, before, options.restMsMax ?? REST_MS_MAX);
    }
  } catch (cause) {
    complaints.push(`the server cannot be asked: ${String(cause)}`);
    stop();
    await Promise.all(lives);
  }
  await control.drop();
  const verdicts = verdictsOf(samples, marginsFor(options.seconds));
  if (complaints.length === 0) {
    if (verdicts.length === 0) complaints.push('too few samples for a verdict');
    for (const { figure, first, last, limit, isFlat } of verdicts) {
      const grew = `${figure} grew from ${first} to ${last}; at most ${Math.round(limit)}`;
      if (!isFlat) complaints.push(grew);
    }
    complaints.push(...leftovers(before, after));
  }
  const sum = (pick: (client: SoakClient) => number): number =>
    clients.reduce((total, client) => total + pick(client), 0);
  return {
    seed, samples, verdicts, before, after, complaints,
    commands: sum((client) => client.commands), connections: sum((client) => client.connections),
  };
}
