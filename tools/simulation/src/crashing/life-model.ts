/**
 * What a recovery has to find of a life: what every shard has logged, what clients were told, and
 * when the power went. Of each shard's log a beginning is there; every acknowledged change is in it
 * (always), or at most a second and what the disk took (everysec); calls and transactions are there
 * as a whole or not at all; and the data is exactly what those beginnings make.
 * Tokens are texts that clients write once each: they tell whole from half without asking the log.
 */
import type { MemoryPool } from '@kora/core';
import type { ShardContents } from '@kora/core/testing';
import { ownerOf } from '../session-order.ts';
import { Broken } from '../world.ts';
import { withoutDueFields } from './due-fields.ts';
import type { LoggedRecord, ShardRecord } from './shard-record.ts';
import { latin1 } from './shard-record.ts';

/** A token in a record, a request or a reply. */
const TOKENS = /~\d+~/g;
/** Keys that tokens are written to begin with this. */
export const MARK_PREFIX = 'm';

/** Where a token is in the logs. */
export interface TokenPlace {
  readonly shard: number;
  readonly sequence: number;
}

/** Texts that were written together, by MSET or EXEC. */
export interface Written {
  readonly tokens: readonly string[];
  readonly by: string;
}

/** When a life ended, and what the disk and its worker took until then. */
export interface EndOfLife {
  readonly nowMs: number;
  /** Milliseconds that something may be younger than when it was lost; Infinity: no promise. */
  readonly lossMsMax: number;
  /** When the disk failed for the first time, 0 = never: what came later may be lost. */
  readonly failedMs: number;
}

export class LifeModel {
  readonly shards: readonly ShardRecord[];
  readonly tokens = new Map<string, TokenPlace>();
  readonly written: Written[] = [];
  end: EndOfLife = { nowMs: 0, lossMsMax: Infinity, failedMs: 0 };
  /** By shard: the greatest sequence that somebody was told of. */
  readonly promised: number[];
  /** The same of what `everysec` may still lose. */
  readonly told: number[];
  /** By shard and client: its last change. */
  readonly #lastOfClient: Map<string, number>[];

  constructor(shards: readonly ShardRecord[]) {
    this.shards = shards;
    this.promised = shards.map(({ firstSequence }) => firstSequence - 1);
    this.told = [...this.promised];
    this.#lastOfClient = shards.map(() => new Map<string, number>());
  }

  /** A shard has logged something. */
  note(shard: number, record: LoggedRecord): void {
    const { key, sequence, reason } = record;
    if (reason !== 0) return;
    if (key.startsWith(MARK_PREFIX)) {
      for (const [token] of latin1(record.bytes).matchAll(TOKENS)) {
        this.tokens.set(token, { shard, sequence });
      }
    }
    const client = /^c\d+:/.exec(key);
    if (client !== null) this.#lastOfClient[shard]?.set(client[0], sequence);
  }

  /** Somebody has seen these texts: they are there. */
  seen(text: string, isPromised: boolean): void {
    for (const [token] of text.matchAll(TOKENS)) {
      const place = this.tokens.get(token);
      if (place !== undefined) this.#promise(place.shard, place.sequence, isPromised);
    }
  }

  /** A client has no request without a reply: what it has done to its keys is there. */
  ownSeen(prefix: string, isPromised: boolean): void {
    for (const [shard, last] of this.#lastOfClient.entries()) {
      this.#promise(shard, last.get(prefix) ?? 0, isPromised);
    }
  }

  #promise(shard: number, sequence: number, isPromised: boolean): void {
    this.told[shard] = Math.max(this.told[shard] ?? 0, sequence);
    if (isPromised) this.promised[shard] = Math.max(this.promised[shard] ?? 0, sequence);
  }

  /** The life has ended in order: nothing that was told may be lost. */
  promiseAll(): void {
    for (const [shard, sequence] of this.told.entries()) this.#promise(shard, sequence, true);
  }

  // ------------------------------------------------------------------ what was recovered

  /** Sequences that a recovery has ended the logs with, as far as this life knows of them. */
  cutsOf(sequences: readonly number[]): number[] {
    return this.shards.map((shard, index) =>
      Math.min(sequences[index] ?? 0, shard.lastSequence));
  }

  /** Throws Broken unless the logs may end there. @param cuts by shard */
  checkCuts(cuts: readonly number[]): void {
    for (const [index, shard] of this.shards.entries()) {
      const cut = cuts[index] ?? 0;
      const promised = this.promised[index] ?? 0;
      if (cut < promised) {
        const first = shard.records.find(({ sequence }) => sequence > cut);
        throw new Broken(`shard ${index} has its log up to ${cut}, and ${promised} was ` +
          `acknowledged: lost are changes from that of ${first?.key ?? '?'} on`);
      }
      this.#checkCall(index, cut);
      this.#checkLoss(index, cut);
    }
    this.#checkParts(cuts);
    this.#checkTokens(cuts);
  }

  #checkCall(index: number, cut: number): void {
    const records = this.shards[index]?.records ?? [];
    const at = records.findIndex(({ sequence }) => sequence === cut);
    const last = records[at];
    const next = records[at + 1];
    if (last === undefined || next === undefined || last.call === -1) return;
    const isSame = last.call === next.call && last.reason === 0 && next.reason === 0;
    const isPart = this.shards[index]?.parts.some(({ sequenceBefore, lastSequence }) =>
      sequenceBefore === cut || lastSequence === cut);
    if (isSame && isPart !== true) {
      throw new Broken(`shard ${index} has half of a call: it ends with ${cut}, ${last.key}`);
    }
  }

  #checkLoss(index: number, cut: number): void {
    const { nowMs, lossMsMax, failedMs } = this.end;
    const lost = this.shards[index]?.records.find(({ sequence }) => sequence > cut);
    if (lost === undefined) return;
    const untilMs = failedMs === 0 ? nowMs : failedMs;
    const age = untilMs - lost.timeMs;
    if (age > lossMsMax) {
      throw new Broken(`shard ${index} has lost what was ${age} ms old, at most ${lossMsMax} ms ` +
        `may be: ${lost.key}`);
    }
  }

  /** Milliseconds that the oldest lost change had when the life ended; 0 when none is lost. */
  lostMs(cuts: readonly number[]): number {
    const ages = this.shards.map(({ records }, index) => {
      const lost = records.find(({ sequence }) => sequence > (cuts[index] ?? 0));
      return lost === undefined ? 0 : this.end.nowMs - lost.timeMs;
    });
    return Math.max(...ages);
  }

  #checkParts(cuts: readonly number[]): void {
    for (const [index, { parts }] of this.shards.entries()) {
      const cut = cuts[index] ?? 0;
      for (const { transaction, shards, sequenceBefore, lastSequence } of parts) {
        if (sequenceBefore >= cut) continue;
        if (lastSequence > cut) {
          throw new Broken(`shard ${index} has half of its part of transaction ${transaction}`);
        }
        for (let other = 0; other < this.shards.length; other++) {
          if ((shards & (1 << other)) === 0) continue;
          const part = this.shards[other]?.parts.find((one) => one.transaction === transaction);
          if (part !== undefined && part.lastSequence <= (cuts[other] ?? 0)) continue;
          throw new Broken(`shard ${index} has its part of transaction ${transaction}, shard ` +
            `${other} has not`);
        }
      }
    }
  }

  #checkTokens(cuts: readonly number[]): void {
    for (const { tokens, by } of this.written) {
      const there = tokens.filter((token) => {
        const place = this.tokens.get(token);
        return place !== undefined && place.sequence <= (cuts[place.shard] ?? 0);
      });
      if (there.length === 0 || there.length === tokens.length) continue;
      throw new Broken(`of ${by}, which writes ${tokens.join(' ')}, only ${there.join(' ')} is ` +
        'there');
    }
  }

  /** What all shards held at these places. */
  contentsAt(cuts: readonly number[], pool: MemoryPool): ShardContents {
    const all: ShardContents = new Map();
    for (const [index, shard] of this.shards.entries()) {
      for (const [key, value] of shard.contentsAt(cuts[index] ?? 0, pool)) {
        if (ownerOf(key.slice(key.indexOf('/') + 1), this.shards.length) !== index) {
          throw new Broken(`${key} is on shard ${index}, and not its own`);
        }
        all.set(key, value);
      }
    }
    return all;
  }
}

/** Throws Broken unless two data are the same, apart from keys that are due. */
export function checkSame(
  what: string, wanted: ShardContents, found: ShardContents, nowMs: number,
): void {
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const [one, other] = [shown(wanted, key, nowMs), shown(found, key, nowMs)];
    if (one !== other) throw new Broken(`${what}: ${key} is to be ${one}, and is ${other}`);
  }
}

const SHOWN_LENGTH = 300;

function shown(contents: ShardContents, key: string, nowMs: number): string {
  const found = contents.get(key);
  const { type = '', deadlineMs } = found ?? {};
  const value = type === 'hash' ? withoutDueFields(found?.value ?? '', nowMs) : found?.value ?? '';
  const isDue = deadlineMs !== undefined && deadlineMs <= BigInt(nowMs);
  if (found === undefined || isDue || (type === 'hash' && value === '')) return 'absent';
  const text = value.length <= SHOWN_LENGTH ? value
    : `${value.slice(0, SHOWN_LENGTH)}... ${value.length} ${hashOf(value)}`;
  return `${type} ${text} until ${String(deadlineMs)}`;
}

/** Tells long values apart in messages. */
function hashOf(text: string): number {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}
