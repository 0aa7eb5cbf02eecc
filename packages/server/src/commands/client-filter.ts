/**
 * Which clients CLIENT KILL means: the old form, one address, and the filters ID, TYPE, USER, ADDR,
 * LADDR, SKIPME and
 * MAXAGE, all of which have to fit. Errors are Redis's, in its order: the first option that is
 * wrong.
 */
import { ReplyError, replyErrors } from '@kora/core';
import { OutputClass } from '../session.ts';
import type { Session } from '../session.ts';
import { shownText } from './shown-text.ts';

/** Classes of clients by the words of TYPE; a master is never connected. */
const CLASSES: Readonly<Record<string, number>> = Object.freeze({
  normal: OutputClass.Normal, replica: OutputClass.Replica, slave: OutputClass.Replica,
  pubsub: OutputClass.PubSub, master: -1,
});

/** The class that a word of TYPE names, or the error for a word that names none. */
export function clientClassOf(word: string): number | ReplyError {
  const found = CLASSES[word.toLowerCase()];
  return found ?? new ReplyError(`ERR Unknown client type '${shownText(word)}'`);
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/** A client id: any 64-bit integer, null when it is none. No client has one of 0 or below. */
export function clientIdOf(text: string): number | null {
  if (!INTEGER.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) return null;
  return Number(text);
}

const ageNotInteger = new ReplyError('ERR maxage is not an integer or out of range');
const badId = new ReplyError('ERR client-id should be greater than 0');

/** What must fit. Absent: fits all. */
export interface ClientFilter {
  id?: number;
  outputClass?: number;
  user?: string;
  address?: string;
  localAddress?: string;
  /** Milliseconds: only clients at least that old. */
  ageMsMin?: number;
  /** The asking client is spared; default true. */
  skipsSelf: boolean;
}

/** Reads `option value` pairs. */
export function readClientFilter(words: readonly string[]): ClientFilter | ReplyError {
  const filter: ClientFilter = { skipsSelf: true };
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1];
    if (value === undefined) return replyErrors.syntax;
    const error = addCondition(filter, (words[i] ?? '').toLowerCase(), value);
    if (error !== null) return error;
  }
  return filter;
}

function addCondition(filter: ClientFilter, option: string, value: string): ReplyError | null {
  switch (option) {
    case 'id': return addId(filter, value);
    case 'type': return addClass(filter, value);
    case 'addr': filter.address = value; return null;
    case 'laddr': filter.localAddress = value; return null;
    case 'user': return addUser(filter, value);
    case 'skipme': return addSkip(filter, value.toLowerCase());
    case 'maxage': return addAge(filter, value);
    default: return replyErrors.syntax;
  }
}

function addId(filter: ClientFilter, value: string): ReplyError | null {
  const id = clientIdOf(value);
  if (id === null || id <= 0) return badId;
  filter.id = id;
  return null;
}

function addClass(filter: ClientFilter, value: string): ReplyError | null {
  const found = clientClassOf(value);
  if (found instanceof ReplyError) return found;
  filter.outputClass = found;
  return null;
}

function addUser(filter: ClientFilter, value: string): ReplyError | null {
  if (value !== 'default') return new ReplyError(`ERR No such user '${shownText(value)}'`);
  filter.user = value;
  return null;
}

function addSkip(filter: ClientFilter, word: string): ReplyError | null {
  if (word !== 'yes' && word !== 'no') return replyErrors.syntax;
  filter.skipsSelf = word === 'yes';
  return null;
}

function addAge(filter: ClientFilter, value: string): ReplyError | null {
  if (!/^\d{1,10}$/.test(value)) return ageNotInteger;
  if (Number(value) === 0) return new ReplyError('ERR maxage should be greater than 0');
  filter.ageMsMin = Number(value) * 1000;
  return null;
}

/** True when every condition fits. */
export function fitsFilter(filter: ClientFilter, session: Session, nowMs: number): boolean {
  const { id, outputClass, user, address, localAddress, ageMsMin } = filter;
  if (id !== undefined && session.id !== id) return false;
  if (outputClass !== undefined && session.outputClass !== outputClass) return false;
  if (user !== undefined && session.user !== user) return false;
  if (address !== undefined && session.peer.address !== address) return false;
  if (localAddress !== undefined && session.peer.localAddress !== localAddress) return false;
  return ageMsMin === undefined || nowMs - session.createdMs >= ageMsMin;
}
