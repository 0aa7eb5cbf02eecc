/**
 * Rings, wake-ups and the order on real threads, which run the built files: only here can memory
 * order, and a step of another thread between any two of ours, be wrong. Each litmus has a broken
 * control, the same run with one known fault, that must be caught within the same number of rounds:
 * otherwise the machine has not interleaved enough for the answer to mean anything, and the test
 * fails as inconclusive. Waits are Atomics.wait on a bell word, which like an eventfd keeps a ring
 * that comes before the wait. Needs a build. Some faults replace a part of the production code in
 * their thread (Atomics.compareExchange, a method), so that the rest of it runs on a broken one.
 */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ORDER_ENTRY_COUNT } from '../limits.ts';
import { WASM_PAGE_BYTES } from '../structs/memory-layout.ts';
import { MeshControl } from './mesh-control.ts';
import { formatRing } from './ring-layout.ts';

const BUILT = new URL('../../dist/mesh/', import.meta.url);
/** For a run of two; a run that takes longer hangs. */
const TEST_MS = 60_000;
/** A wait that nobody ends for so long means that something was lost, whatever else runs here. */
const STUCK_MS = 10_000;
/** Words of a line: what two threads write lies on two lines. */
const LINE = 16;

/** What a thread says at its end. */
interface Verdict {
  /** Empty: all was as it should be. */
  readonly fault: string;
  /** Waits that somebody ended, or refusals of the lock. */
  readonly waits: number;
}

const prelude = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { MeshControl, WorkerState } = await import('${new URL('mesh-control.js', BUILT).href}');
  const { RingReader } = await import('${new URL('ring-reader.hot.js', BUILT).href}');
  const { RingWriter } = await import('${new URL('ring-writer.hot.js', BUILT).href}');
  const { lowWordsOf } = await import('${new URL('ring-memory.js', BUILT).href}');
  const { me, count, buffer, shared, rounds, broken } = workerData;
  const isBroken = broken !== '';
  const control = new MeshControl(count, buffer);
  const words = new Int32Array(shared);
  const line = (name, worker) => (name * 32 + worker) * ${LINE};
  const BELL = 0, STOP = 1, POSTED = 2, MAIL = 3, ACK = 4;
  let fault = '';
  let waits = 0;
  const mix = (number) => {
    let x = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    return x ^ (x >>> 13);
  };
  const ring = (worker) => {
    Atomics.store(words, line(BELL, worker), 1);
    Atomics.notify(words, line(BELL, worker));
  };
  const tell = (worker) => {
    if (control.publish(worker, me)) ring(worker);
  };
  /** As a read of an eventfd: ends at once when somebody rang before. */
  const waitForBell = (ms) => {
    if (Atomics.wait(words, line(BELL, me), 0, ms) === 'timed-out') return false;
    Atomics.store(words, line(BELL, me), 0);
    waits += 1;
    return true;
  };
  const isStopped = () => Atomics.load(words, line(STOP, 0)) !== 0;
  const stop = () => {
    Atomics.store(words, line(STOP, 0), 1);
    for (let worker = 0; worker < count; worker++) ring(worker);
  };
  /** For about as long as another thread takes for a step or two. */
  const pause = (number) => {
    for (let steps = mix(number) & 1023; steps > 0; steps--) waits += 0;
  };
  /** Looks and sets as two steps: what a compare-exchange must not be. */
  const breakCompareExchange = () => {
    let calls = 0;
    Atomics.compareExchange = (array, at, expected, value) => {
      const old = Atomics.load(array, at);
      calls += 1;
      pause(calls);
      if (old === expected) Atomics.store(array, at, value);
      return old;
    };
  };
  const finish = () => parentPort.postMessage({ fault, waits });
  control.setState(me, WorkerState.Ready);
  if (!control.waitUntilReady(${STUCK_MS})) throw new Error('not all threads are ready');
`;

interface Litmus {
  readonly program: string;
  readonly threads: number;
  readonly rounds: number;
  /** The fault that it runs with; empty for none. */
  readonly broken: string;
  /** Bytes that all threads share beside the control and the bells. */
  readonly data?: object;
}

/** Runs a program on several threads; the verdicts, by thread. */
async function run({ program, threads, rounds, broken, data }: Litmus): Promise<Verdict[]> {
  const { buffer } = new MeshControl(threads);
  const shared = new SharedArrayBuffer(5 * 32 * LINE * 4);
  const url = new URL(`data:text/javascript,${encodeURIComponent(prelude + program)}`);
  const running = Array.from({ length: threads }, (_, me) => {
    const workerData = { me, count: threads, buffer, shared, rounds, broken, ...data };
    const thread = new Worker(url, { workerData, execArgv: [] });
    return new Promise<Verdict>((resolve, reject) => {
      thread.on('message', resolve);
      thread.on('error', reject);
      thread.on('exit', () => {
        reject(new Error('a thread ended without a verdict'));
      });
    });
  });
  return Promise.all(running);
}

const faultsOf = (verdicts: Verdict[]): string[] =>
  verdicts.map(({ fault }) => fault).filter((fault) => fault !== '');

const waitsOf = (verdicts: Verdict[]): number =>
  verdicts.reduce((sum, { waits }) => sum + waits, 0);

describe('a ring between two threads', () => {
  const messagesEach = 500_000;
  const dataBytes = 1024;
  const ringAt = 256;
  /**
   * Both threads write to the other and read from it, sleep when there is nothing to do, and grow
   * their memory on the way. Broken: the tail is stored before the body of a message is written.
   */
  const program = `
    const { memories } = workerData;
    const peer = 1 - me;
    const reader = new RingReader(lowWordsOf(memories[me], ${WASM_PAGE_BYTES}), ${ringAt});
    const writer = new RingWriter(lowWordsOf(memories[peer], ${WASM_PAGE_BYTES}), ${ringAt});
    const body = reader.words;
    const lengthOf = (number) => (mix(number) >>> 7) % 96 & ~3;
    const wordOf = (number, i) => mix(number * 31 + i);
    let sent = 0;
    let got = 0;
    const send = () => {
      const bytes = lengthOf(sent);
      const at = writer.begin(1 + sent % 255, bytes);
      if (at < 0) return false;
      let sum = 0;
      for (let i = 0; i < bytes >> 2; i++) sum ^= wordOf(sent, i);
      writer.header(sent, bytes, sum);
      if (isBroken) {
        writer.end(bytes);
        writer.publish();
        tell(peer);
      }
      for (let i = 0; i < bytes >> 2; i++) writer.words[at + i] = wordOf(sent, i);
      if (!isBroken) writer.end(bytes);
      sent += 1;
      return true;
    };
    const verify = () => {
      let sum = 0;
      for (let i = 0; i < reader.bodyBytes >> 2; i++) sum ^= body[(reader.bodyAt >> 2) + i];
      if (reader.a !== got) fault = 'message ' + got + ' is ' + reader.a;
      else if (reader.kind !== 1 + got % 255) fault = 'the kind of message ' + got;
      else if (reader.bodyBytes !== lengthOf(got)) fault = 'the length of message ' + got;
      else if (reader.c !== sum) fault = 'the body of message ' + got;
      got += 1;
    };
    const take = () => {
      reader.refresh();
      while (fault === '' && reader.next()) {
        verify();
        reader.consume();
        if (got % 100_000 === 0) memories[me].grow(1);
      }
      if (reader.flush()) tell(peer);
    };
    while (fault === '' && !isStopped()) {
      if (control.take(me) !== 0) take();
      let isFull = false;
      for (let i = 0; i < 16 && sent < rounds && !isFull; i++) isFull = !send();
      if (writer.publish()) tell(peer);
      if (got === rounds && sent === rounds) break;
      if (sent < rounds && (!isFull || writer.askForRoom(lengthOf(sent)))) continue;
      if (control.maySleep(me) && !waitForBell(${STUCK_MS})) fault = 'nobody woke me';
    }
    if (fault !== '') stop();
    finish();
  `;

  function play(broken: string): Promise<Verdict[]> {
    const memories = [0, 1].map(() => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true });
      formatRing(new Int32Array(memory.buffer), ringAt, dataBytes, 2 ** 32 - dataBytes * 1000);
      return memory;
    });
    return run({ program, threads: 2, rounds: messagesEach, broken, data: { memories } });
  }

  it('shows a tail that is stored before the body', async () => {
    expect(faultsOf(await play('tail')).join()).toMatch(/the body of message/);
  }, TEST_MS);

  it('carries a million messages, unharmed and in order, both ways at once', async () => {
    const verdicts = await play('');
    expect(faultsOf(verdicts)).toEqual([]);
    expect(waitsOf(verdicts)).toBeGreaterThan(0);
  }, TEST_MS);
});

describe('the wake protocol between threads', () => {
  const producers = 3;
  const rounds = 201_000;
  /**
   * Thread 0 sleeps, the others post and wait until it has taken notice. A wake-up is lost when the
   * sleeper waits although somebody has finished posting and no bell rings; that cannot mend
   * itself, so it is seen without a guess at times. Broken: SLEEP is set without compare-exchange.
   */
  const program = `
    const each = rounds / (count - 1);
    const produce = () => {
      for (let round = 1; round <= each && !isStopped(); round++) {
        Atomics.store(words, line(MAIL, me), round);
        tell(0);
        Atomics.store(words, line(POSTED, me), round);
        for (let looks = 0; Atomics.load(words, line(ACK, me)) !== round; looks++) {
          if (isStopped()) return;
          if (looks > 200) Atomics.wait(words, line(ACK, me), round - 1, 50);
        }
        pause(round * 31 + me);
      }
    };
    const taken = new Int32Array(count);
    const isLost = () => {
      for (let worker = 1; worker < count; worker++) {
        // Posted is stored after the bell, so the bell is looked at second.
        const posted = Atomics.load(words, line(POSTED, worker));
        if (posted !== taken[worker] && Atomics.load(words, line(BELL, 0)) === 0) return true;
      }
      return false;
    };
    const consume = () => {
      let handled = 0;
      while (handled < rounds) {
        let bits = control.take(me);
        if (bits === 0) {
          if (!control.maySleep(me)) continue;
          while (!waitForBell(20)) {
            if (!isLost()) continue;
            fault = 'a wake-up was lost in round ' + handled;
            return;
          }
        }
        for (; bits !== 0; bits &= bits - 1) {
          const worker = 31 - Math.clz32(bits & -bits);
          const round = Atomics.load(words, line(MAIL, worker));
          if (round !== taken[worker] + 1) fault = 'news without mail';
          handled += round - taken[worker];
          taken[worker] = round;
          Atomics.store(words, line(ACK, worker), round);
          Atomics.notify(words, line(ACK, worker));
        }
        if (fault !== '') return;
      }
    };
    if (isBroken) breakCompareExchange();
    if (me === 0) consume();
    else produce();
    if (me === 0) stop();
    finish();
  `;
  const play = (broken: string): Promise<Verdict[]> =>
    run({ program, threads: producers + 1, rounds, broken });

  it('shows a sleep that is not a compare-exchange', async () => {
    expect(faultsOf(await play('sleep')).join()).toMatch(/a wake-up was lost/);
  }, TEST_MS);

  it(`loses no wake-up in ${rounds} rounds`, async () => {
    const verdicts = await play('');
    expect(faultsOf(verdicts)).toEqual([]);
    expect(waitsOf(verdicts)).toBeGreaterThan(0);
  }, TEST_MS);
});

describe('the order of publications from several threads', () => {
  const threads = 4;
  const publicationsEach = 150_000;
  /** Words of a publication in its thread's lane: its number, its shards, a ticket of each. */
  const laneWords = 2 + threads;
  /**
   * All publish for random shards: under the lock a number, then entries whose tails say how far
   * the thread's lane reaches. Each also reads the log of its own shard, late, so that logs run
   * full: an entry leads to a publication that was written for this shard and is there on all of
   * its shards by now, numbers grow, and an entry is the same before it is consumed as it was when
   * it was seen. What was read is noted.
   * Broken: no lock, an entry for which there is no room, or parts that are there one by one.
   */
  const program = `
    const order = control.order;
    const lanes = workerData.lanes.map((lane) => new Int32Array(lane));
    const seen = new Int32Array(workerData.seen[me]);
    if (broken === 'lock') Atomics.compareExchange = () => 0;
    if (broken === 'room') order.hasRoom = () => true;
    const nap = new Int32Array(new SharedArrayBuffer(4));
    const reached = new Int32Array(count);
    let next = 0, last = 0;
    const isThere = (shard, ticket) => ((order.published(shard) - ticket) | 0) > 0;
    const look = (ticket) => {
      const sender = order.senderAt(me, ticket);
      const tail = order.tailAt(me, ticket);
      if (sender < 0 || sender >= count || tail <= reached[sender] || tail > rounds) {
        return 'entry ' + ticket + ' says ' + sender + ' up to ' + tail;
      }
      const at = (tail - 1) * ${laneWords};
      const number = lanes[sender][at];
      if ((lanes[sender][at + 1] >> me) % 2 === 0) return 'publication ' + number + ' is of others';
      // Parts that are there one by one may change their order too: that is not what is looked for.
      if (number <= last && broken !== 'parts') return 'number ' + number + ' after ' + last;
      for (let shard = 0; shard < count; shard++) {
        if ((lanes[sender][at + 1] >> shard) % 2 === 0) continue;
        // A look that takes long may find the last entry written over; then the next one is right.
        if (isThere(shard, lanes[sender][at + 2 + shard])) continue;
        if (isThere(shard, lanes[sender][at + 2 + shard])) continue;
        return 'publication ' + number + ' is not on shard ' + shard + ' yet';
      }
      pause(number);
      if (order.senderAt(me, ticket) !== sender || order.tailAt(me, ticket) !== tail) {
        return 'entry ' + ticket + ' was written over';
      }
      reached[sender] = tail;
      last = number;
      seen[ticket] = number;
      return '';
    };
    const read = (leastCount) => {
      const unread = (order.published(me, next) - next) | 0;
      const counted = (order.published(me) - next) | 0;
      if (unread < 0 || counted > ${ORDER_ENTRY_COUNT}) fault = counted + ' unread entries';
      if (fault !== '' || unread < leastCount) return;
      for (let i = 0; i < unread && fault === ''; i++) {
        fault = look(next);
        next += 1;
      }
      order.consume(me, next);
    };
    const publish = (i, shards) => {
      if (!order.tryLock()) return false;
      let hasRoom = true;
      for (let shard = 0; shard < count; shard++) {
        if ((shards >> shard) % 2 !== 0 && !order.hasRoom(shard)) hasRoom = false;
      }
      if (hasRoom) {
        lanes[me][i * ${laneWords}] = order.takeNumber();
        lanes[me][i * ${laneWords} + 1] = shards;
        for (let shard = 0; shard < count; shard++) {
          lanes[me][i * ${laneWords} + 2 + shard] = order.published(shard);
        }
        for (let shard = 0; shard < count; shard++) {
          if ((shards >> shard) % 2 !== 0) order.append(shard, me, i + 1);
          if (broken !== 'parts') continue;
          order.unlock();
          while (!order.tryLock());
        }
      }
      order.unlock();
      return hasRoom;
    };
    for (let i = 0; i < rounds && fault === '' && !isStopped(); i++) {
      const shards = 1 + (mix(i * 31 + me) >>> 9) % (2 ** count - 1);
      read(${ORDER_ENTRY_COUNT / 2});
      for (let refusals = 0; fault === '' && !isStopped() && !publish(i, shards); refusals++) {
        waits += 1;
        read(1);
        if (refusals > 100) Atomics.wait(nap, 0, 0, 0.01);
      }
    }
    Atomics.add(words, line(POSTED, 0), 1);
    while (fault === '' && !isStopped()) {
      const isLast = Atomics.load(words, line(POSTED, 0)) === count;
      read(1);
      if (isLast) break;
      Atomics.wait(nap, 0, 0, 0.01);
    }
    if (fault !== '') stop();
    finish();
  `;

  /** What is wrong with the order, empty for nothing. */
  async function play(broken: string): Promise<string> {
    const lanes = Array.from({ length: threads }, () =>
      new SharedArrayBuffer(publicationsEach * laneWords * 4));
    const seen = Array.from({ length: threads }, () =>
      new SharedArrayBuffer(threads * publicationsEach * 4));
    const verdicts = await run({
      program, threads, rounds: publicationsEach, broken, data: { lanes, seen },
    });
    const [fault] = faultsOf(verdicts);
    if (fault !== undefined) return fault;
    expect(waitsOf(verdicts)).toBeGreaterThan(0);
    return faultOf(
      lanes.map((lane) => new Int32Array(lane)), seen.map((numbers) => new Int32Array(numbers)),
    );
  }

  /**
   * Every number was given once, and every shard has read the numbers of the publications for it,
   * all of them, one greater than the other. So any two have one order on all shards they share.
   */
  function faultOf(lanes: readonly Int32Array[], seen: readonly Int32Array[]): string {
    const total = threads * publicationsEach;
    const shardsOf = new Int32Array(total + 1);
    for (const lane of lanes) {
      for (let at = 0; at < lane.length; at += laneWords) {
        const number = lane[at]!;
        if (number < 1 || number > total) return `number ${number} of ${total}`;
        if (shardsOf[number] !== 0) return `number ${number} was given twice`;
        shardsOf[number] = lane[at + 1]!;
      }
    }
    for (let shard = 0; shard < threads; shard++) {
      let ticket = 0;
      for (let number = 1; number <= total; number++) {
        if ((shardsOf[number]! >> shard) % 2 === 0) continue;
        const found = seen[shard]?.[ticket];
        if (found !== number) return `shard ${shard} has read ${found}, not number ${number}`;
        ticket++;
      }
      if (seen[shard]?.[ticket] !== 0) return `shard ${shard} has read more than was published`;
    }
    return '';
  }

  it('shows publications without the lock', async () => {
    expect(await play('lock')).toMatch(/entry|entries|number|publication/);
  }, TEST_MS);

  it('shows entries that are written over before they are consumed', async () => {
    expect(await play('room')).toMatch(/entry|entries|number|publication/);
  }, TEST_MS);

  it('shows publications whose parts are there one by one', async () => {
    expect(await play('parts')).toMatch(/is not on shard/);
  }, TEST_MS);

  it('is one order on all shards, without gaps', async () => {
    expect(await play('')).toBe('');
  }, TEST_MS);
});
