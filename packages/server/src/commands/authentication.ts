/**
 * Passwords: who may log in, compared in a time that depends on neither the password nor the guess.
 * There is one user, `default`, whose password is `requirepass`; without one it needs none.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ReplyError, Shard } from '@kora/core';
import { replyErrors } from '@kora/core';
import type { Session } from '../session.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();

/** True when the texts are equal; takes the same time for all texts of a length. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

/** Logs the session in, or says why not. */
export function logIn(
  shard: Shard, session: Session, user: string, password: string,
): ReplyError | null {
  const expected = shard.settings.password;
  const isRight = user === 'default' && (expected === '' || isSameSecret(password, expected));
  if (!isRight) return replyErrors.wrongPass;
  session.isAuthenticated = true;
  session.isLetIn = false;
  session.user = user;
  return null;
}
