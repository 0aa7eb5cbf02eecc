/**
 * The epoll engine when the system refuses: the n-th call of every function fails, for every n of a
 * small scenario and every error that matters. One connection may end by it, the turn never throws,
 * the contract holds, and afterwards the engine serves newcomers.
 */
import { describe, expect, it } from 'vitest';
import { EngineRig, pattern, readAll, until } from '../../testing/engine-rig.ts';
import type { EngineKind } from '../../testing/engine-rig.ts';
import { polled } from '../../testing/polled-engine.ts';
import type { Libc } from '../native/libc.ts';
import { Errno, loadLibc } from '../native/libc.ts';
import { openEpoll } from './epoll-engine.ts';

/** Which call is to fail, and how. */
interface FaultPlan {
  readonly call: keyof Libc;
  readonly errno: number;
  /** Counts down; the call at 0 fails, and `times` - 1 after it. */
  after: number;
  times: number;
}

/** The real functions, except for the planned failure. */
function faultyLibc(plan: FaultPlan): Libc {
  const real = loadLibc();
  if (typeof real === 'string') throw new Error(real);
  let errno = -1;
  // Every function takes numbers and gives one, and none has a `this`.
  const whole = (real as unknown as Record<string, (...values: number[]) => number>)[plan.call]!;
  const broken = (...values: number[]): number => {
    if (plan.after-- > 0 || plan.times <= 0) return whole(...values);
    plan.times--;
    errno = plan.errno;
    return -1;
  };
  return {
    ...real,
    [plan.call]: broken,
    errno: () => {
      const planned = errno;
      errno = -1;
      return planned >= 0 ? planned : real.errno();
    },
  };
}

function kindOf(libc: Libc): EngineKind {
  return {
    name: 'epoll',
    isLoop: true,
    open: () => {
      const engine = openEpoll(libc);
      if (typeof engine === 'string') throw new Error(engine);
      return polled(engine);
    },
  };
}

const piece = pattern(200_000);

/** Four clients: an echo, a slow reader, one that resets, one that is closed in order. */
async function scenario(rig: EngineRig, port: number): Promise<void> {
  const start = rig.connections.length;
  const clients = await Promise.all(Array.from({ length: 4 }, () => rig.connect({ port })));
  for (const client of clients) client.write('hello');
  for (const client of clients) client.on('data', () => undefined);
  const mine = (): typeof rig.connections => rig.connections.slice(start);
  // Those that were turned away at the door are gone without having been there.
  await until(() =>
    clients.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length +
    mine().filter(({ byteCount, isClosed }) => byteCount === 5 && !isClosed).length >= 4);
  const open = mine().filter(({ isClosed }) => !isClosed);
  clients[1]!.pause();
  for (let i = 0; i < 30 && open[1]?.isClosed === false; i++) rig.send(open[1], piece);
  clients[1]!.resume();
  clients[2]!.resetAndDestroy();
  if (open[3]?.isClosed === false) rig.close(open[3], true);
  if (open[0]?.isClosed === false) {
    rig.call(() => {
      rig.engine.pauseReceive(open[0]!.slot);
      rig.engine.setKeepAlive(open[0]!.slot, 60);
      rig.engine.resumeReceive(open[0]!.slot);
    });
  }
  for (const client of clients) client.resume().end();
  await until(() => mine().every(({ isClosed }) => isClosed));
  for (const client of clients) client.destroy();
}

const cases: readonly [keyof Libc, readonly number[]][] = [
  ['recv', [Errno.EINTR, Errno.EAGAIN, Errno.ECONNRESET, Errno.ENOMEM]],
  ['send', [Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS, Errno.EPIPE, Errno.ECONNRESET]],
  ['sendmsg', [Errno.EINTR, Errno.EAGAIN, Errno.ENOBUFS, Errno.EPIPE, Errno.ENOMEM]],
  ['accept4', [
    Errno.EINTR, Errno.EAGAIN, Errno.ECONNABORTED, Errno.EPROTO, Errno.EMFILE, Errno.ENOMEM,
    Errno.EINVAL,
  ]],
  ['shutdown', [Errno.ENOTCONN]],
  ['getpeername', [Errno.ENOTCONN, Errno.ENOBUFS]],
  ['getsockname', [Errno.ENOBUFS]],
  ['setsockopt', [Errno.EINVAL]],
  ['epoll_wait', [Errno.EINTR]],
  ['read', [Errno.EAGAIN]],
];

describe('the epoll engine when a call fails', () => {
  it.each(cases)('%s', async (call, errnos) => {
    for (const errno of errnos) {
      for (let after = 0; after < 8; after++) {
        const plan = { call, errno, after: Infinity, times: 1 + (after % 3) };
        const rig = new EngineRig(kindOf(faultyLibc(plan)));
        rig.script = {
          onReceive: (connection, bytes) => void rig.send(connection, bytes),
          onEnd: (connection) => {
            rig.close(connection, true);
          },
        };
        const { port } = await rig.listen();
        plan.after = after;
        await scenario(rig, port);
        plan.after = Infinity;
        const late = await rig.connect({ port });
        const answer = readAll(late);
        late.end('late');
        expect((await answer).bytes.toString(), `${call} ${errno} ${after}`).toBe('late');
        expect(rig.broken, `${call} ${errno} ${after}`).toEqual([]);
        rig.stop();
      }
    }
  });

  it('ends a connection that cannot be watched', async () => {
    const plan = { call: 'epoll_ctl' as const, errno: 28, after: Infinity, times: 1 };
    const rig = new EngineRig(kindOf(faultyLibc(plan)));
    const { port } = await rig.listen();
    plan.after = 0;
    const client = await rig.connect({ port });
    await readAll(client);
    await until(() => rig.connections[0]?.isClosed === true);
    await rig.connect({ port });
    await until(() => rig.connections.length === 2);
    expect(rig.connections[1]?.isClosed).toBe(false);
    rig.stop();
    expect(rig.broken).toEqual([]);
  });

  it.each(['epoll_create1', 'eventfd', 'timerfd_create'] as const)(
    'says on one line that %s is refused', (call) => {
      const plan = { call, errno: Errno.EMFILE, after: 0, times: 1 };
      expect(openEpoll(faultyLibc(plan))).toBe(`${call} is refused (errno 24)`);
    },
  );

  it('says why there are no system calls', () => {
    expect(openEpoll('koffi cannot be loaded')).toBe('koffi cannot be loaded');
  });
});
