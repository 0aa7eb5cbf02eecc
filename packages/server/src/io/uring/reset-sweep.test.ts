/**
 * The sweep over a table of connections whose sockets answer as scripted: it names the broken ones
 * and no others, comes round to every slot within SWEEP_TICKS, and asks nothing of closed slots.
 */
import { describe, expect, it } from 'vitest';
import type { Libc } from '../native/libc.ts';
import { Errno, loadLibc } from '../native/libc.ts';
import { ResetSweep, SWEEP_TICKS } from './reset-sweep.ts';
import { ConnectionTable, FLOW_DEAD, FLOW_ENDED, FLOW_OPEN } from './uring-connections.hot.ts';

const CONNECTIONS = 1000;

/** Answers of recv by descriptor: bytes, 0 for an end, a negative error number. */
function scripted(answers: ReadonlyMap<number, number>, asked: number[]): Libc {
  const real = loadLibc();
  if (typeof real === 'string') throw new Error(real);
  let errno = 0;
  return {
    ...real,
    recv: (descriptor) => {
      asked.push(descriptor);
      const answer = answers.get(descriptor) ?? -Errno.EAGAIN;
      errno = -answer;
      return answer < 0 ? -1 : answer;
    },
    errno: () => errno,
  };
}

describe('ResetSweep', () => {
  it('finds the broken connections within a round', () => {
    const table = new ConnectionTable();
    for (let i = 0; i < CONNECTIONS; i++) table.open(5000 + i);
    const answers = new Map([
      [5003, -Errno.ECONNRESET], [5004, 1], [5005, 0], [5006, -Errno.EINTR],
      [5900, -Errno.ENOTCONN], [5010, -Errno.ECONNRESET], [5011, -Errno.ECONNRESET],
    ]);
    table.flow[10] = FLOW_OPEN | FLOW_ENDED;
    table.flow[11] = FLOW_OPEN | FLOW_DEAD;
    table.release(12);
    const asked: number[] = [];
    const sweep = new ResetSweep(scripted(answers, asked), table, 0);
    const found: number[] = [];
    for (let tick = 0; tick < SWEEP_TICKS; tick++) found.push(...sweep.look(1));
    expect([...new Set(found)].sort((a, b) => a - b)).toEqual([3, 900]);
    expect(new Set(asked).size).toBe(CONNECTIONS - 3);
    expect(asked.length).toBeLessThanOrEqual(CONNECTIONS + SWEEP_TICKS);
  });

  it('looks at more when ticks were left out, at each connection once at most', () => {
    const table = new ConnectionTable();
    for (let i = 0; i < CONNECTIONS; i++) table.open(5000 + i);
    const asked: number[] = [];
    const sweep = new ResetSweep(scripted(new Map(), asked), table, 0);
    for (let look = 0; look < 13; look++) sweep.look(10);
    expect(new Set(asked).size).toBe(CONNECTIONS);
    expect(asked.length).toBeLessThan(CONNECTIONS * 1.1);
    asked.length = 0;
    sweep.look(100_000);
    expect(new Set(asked).size).toBe(CONNECTIONS);
    expect(asked.length).toBe(CONNECTIONS);
  });

  it('does nothing without connections', () => {
    const asked: number[] = [];
    const sweep = new ResetSweep(scripted(new Map(), asked), new ConnectionTable(), 0);
    expect(sweep.look(10)).toEqual([]);
    expect(asked).toEqual([]);
  });
});
