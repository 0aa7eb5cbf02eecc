/**
 * Workers sleep in the kernel, or in Node's loop, and are woken by each other: at once when there
 * is something for them, and else once a second, or ten times while they have something to do.
 * Counted inside the threads, or against workers that cannot wake each other and so wait for their
 * ticks. The connections of a process are dealt out to all of its workers. Needs a build.
 */
import { describe, expect, it } from 'vitest';
import { changedThread, GroupRun, WORKER_ENGINES, until } from './testing/threaded-server.ts';

/** Looked at in a worker at rest; a second each. */
const TICKS = 2;

const WORKER = new URL('../dist/worker.js', import.meta.url).href;
const NODE_ENGINE = new URL('../dist/io/node-engine.js', import.meta.url).href;

/** Counts a thread's turns in some ticks and says the number. */
const counting = changedThread('shard-room.js', `
  const { Worker } = await import('${WORKER}');
  let [ticks, turns] = [0, 0];
  const { mayWait } = parts.ShardRoom.prototype;
  parts.ShardRoom.prototype.mayWait = function () {
    turns++;
    return mayWait.call(this);
  };
  const { onTick } = Worker.prototype;
  Worker.prototype.onTick = function () {
    // The first ticks belong to the start.
    if (++ticks === 3) turns = 0;
    if (ticks === ${3 + TICKS}) this.log('warning', 'turns ' + turns);
    onTick.call(this);
  };`);

/** Says which worker has accepted a connection. */
const accepting = changedThread('worker.js', `
  const { workerData } = await import('node:worker_threads');
  const { onAccept } = parts.Worker.prototype;
  parts.Worker.prototype.onAccept = function (slot, peer) {
    this.log('warning', 'accepted by ' + workerData.room.mesh.index);
    return onAccept.call(this, slot, peer);
  };`);

/** A worker that wakes nobody. */
const silent = changedThread('mesh/process-words.js', `
  const { NodeEngine } = await import('${NODE_ENGINE}');
  NodeEngine.prototype.ring = () => undefined;
  parts.ProcessWords.prototype.eventfdOf = () => -1;`);

/** Milliseconds for so many commands one by one, two thirds of them for another worker. */
async function latencyMs(run: GroupRun, count: number): Promise<number> {
  const client = await run.connect();
  const startedMs = performance.now();
  for (let i = 0; i < count; i++) expect(await client.call('SET', `k${i}`, 'v')).toBe('+OK');
  client.destroy();
  return performance.now() - startedMs;
}

describe.each(WORKER_ENGINES)('the wake-ups of workers, io %s', (io) => {
  it('come at once; without them everything waits for a tick', async () => {
    const deaf = await GroupRun.start(io, 3, () => silent);
    const slow = await latencyMs(deaf, 10);
    await deaf.end();
    const run = await GroupRun.start(io, 3, () => accepting);
    const fast = await latencyMs(run, 200);
    // Ten commands without wake-ups take several ticks of 100 ms; 200 with them take less.
    expect(slow).toBeGreaterThan(200);
    expect(fast).toBeLessThan((slow / 10) * 200);
    expect(fast / 200).toBeLessThan(50);
    const clients = [];
    for (let i = 0; i < 200; i++) clients.push(await run.connect());
    const ids = await Promise.all(clients.map((client) => client.call('CLIENT', 'ID')));
    expect(new Set(ids).size).toBe(200);
    await until(() => run.log.length >= 201);
    for (const worker of [0, 1, 2]) {
      expect(run.log.filter((line) => line === `accepted by ${worker}`).length).toBeGreaterThan(20);
    }
    for (const client of clients) client.destroy();
    await run.end();
    expect(run.words).toEqual(['listening', 'ended']);
  });

  it('do not come when there is nothing to do: eight idle workers only tick', async () => {
    const run = await GroupRun.start(io, 8, () => counting);
    await until(() => run.log.length >= 8);
    const turns = run.log.map((line) => Number(/^turns (\d+)$/.exec(line)?.[1]));
    for (const count of turns) expect(count).toBeLessThanOrEqual(TICKS + 3);
    await run.end();
  });
});
