/**
 * Sends an invalidation behind the replies that a connection still waits for. What other workers
 * owe it may hold an older value of the same key: told before that, the client would keep it. So
 * the message takes a place in the window of its replies, or waits until there is one.
 * Bounds: what waits counts as output of the session; a message in the window as staged bytes.
 */
import { StageTarget } from '../mesh/stage-target.ts';
import type { PushMessage, Pushes } from '../pushes.ts';
import type { Session } from '../session.ts';

const target = new StageTarget();

/** False: there is no place for it now, and nothing happened. */
export function pushBehind(pushes: Pushes, session: Session, message: PushMessage): boolean {
  const { window } = session;
  if (window === null || session.isClosing) {
    pushes.send(session, message);
    return true;
  }
  if (!message.isWhole) {
    session.loseOutput('no memory is left for a message to it');
    return true;
  }
  const place = window.readyPlace();
  if (place === window.tail && window.isFull(1)) return false;
  target.begin(window, place);
  for (const { chunk, at, bytes } of message.ranges) target.sendRange(chunk, at, bytes);
  window.addReady();
  return true;
}
