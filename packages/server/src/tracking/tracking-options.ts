/**
 * The options of CLIENT TRACKING: how they are read, and which go together. Order and texts of the
 * checks are those of redis-server 7.0.15, but for one: there a prefix that overlaps with a later
 * one of the same command is let in when it is not the first, behind the error; here it is not.
 */
import { ReplyError, replyErrors } from '@kora/core';
import type { SessionTracking } from './session-tracking.ts';
import { TrackingMode } from './session-tracking.ts';

/** What CLIENT TRACKING asks for. */
export interface TrackingOptions {
  readonly isOn: boolean;
  readonly modes: number;
  /** 0 = no redirection. */
  readonly redirect: number;
  readonly prefixes: readonly string[];
}

const MODE_WORDS: ReadonlyMap<string, number> = new Map([
  ['bcast', TrackingMode.Broadcast], ['optin', TrackingMode.OptIn],
  ['optout', TrackingMode.OptOut], ['noloop', TrackingMode.NoLoop],
]);

const INTEGER = /^(?:0|-?[1-9]\d{0,17})$/;

const oneRedirect = new ReplyError('ERR A client can only redirect to a single other client');
const noSuchClient = new ReplyError(
  'ERR The client ID you want redirect to does not exist',
);
const prefixNeedsBroadcast = new ReplyError(
  'ERR PREFIX option requires BCAST mode to be enabled',
);
const changesBroadcast = new ReplyError(
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
  're-enabling it with a different mode.',
);
const broadcastAndOpt = new ReplyError('ERR OPTIN and OPTOUT are not compatible with BCAST');
const bothOpts = new ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode");
const changesOpt = new ReplyError(
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " +
  're-enabling it with a different mode.',
);

/**
 * Reads the words behind CLIENT TRACKING.
 * @param exists says whether there is a client of that number; asked in the order of the options
 */
export function readTrackingOptions(
  words: readonly string[], exists: (clientId: number) => boolean,
): TrackingOptions | ReplyError {
  let modes = 0;
  let redirect = 0;
  const prefixes: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const word = (words[i] ?? '').toLowerCase();
    const value = words[i + 1];
    const mode = MODE_WORDS.get(word);
    if (mode !== undefined) {
      modes |= mode;
    } else if (word === 'prefix' && value !== undefined) {
      prefixes.push(value);
      i++;
    } else if (word === 'redirect' && value !== undefined) {
      if (redirect !== 0) return oneRedirect;
      if (!INTEGER.test(value)) return replyErrors.notInteger;
      redirect = Number(value);
      if (!exists(redirect)) return noSuchClient;
      i++;
    } else {
      return replyErrors.syntax;
    }
  }
  const isOn = (words[0] ?? '').toLowerCase();
  if (isOn !== 'on' && isOn !== 'off') return replyErrors.syntax;
  return { isOn: isOn === 'on', modes, redirect, prefixes };
}

/** Why tracking cannot be turned on like this; null when it can. @param now null: it is off */
export function checkTrackingOptions(
  { modes, prefixes }: TrackingOptions, now: SessionTracking | null,
): ReplyError | null {
  const { Broadcast, OptIn, OptOut } = TrackingMode;
  const isBroadcast = (modes & Broadcast) !== 0;
  if (!isBroadcast && prefixes.length > 0) return prefixNeedsBroadcast;
  if (now !== null && now.has(Broadcast) !== isBroadcast) return changesBroadcast;
  if (isBroadcast && (modes & (OptIn | OptOut)) !== 0) return broadcastAndOpt;
  if ((modes & OptIn) !== 0 && (modes & OptOut) !== 0) return bothOpts;
  if (now !== null) {
    const turns = ((modes & OptIn) !== 0 && now.has(OptOut)) ||
      ((modes & OptOut) !== 0 && now.has(OptIn));
    if (turns) return changesOpt;
  }
  return overlapOf(prefixes, now?.prefixes ?? []);
}

function overlapOf(given: readonly string[], present: readonly string[]): ReplyError | null {
  for (const [i, prefix] of given.entries()) {
    const before = present.find((other) => overlap(prefix, other));
    if (before !== undefined) return overlaps(prefix, 'an existing', before);
    const behind = given.slice(i + 1).find((other) => overlap(prefix, other));
    if (behind !== undefined) return overlaps(prefix, 'another provided', behind);
  }
  return null;
}

function overlap(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function overlaps(prefix: string, which: string, other: string): ReplyError {
  const [shown, otherShown] = [prefix, other].map((text) => text.split('\0', 1)[0] ?? '');
  return new ReplyError(
    `ERR Prefix '${shown ?? ''}' overlaps with ${which} prefix '${otherShown ?? ''}'. Prefixes ` +
    'for a single client must not overlap.',
  );
}
