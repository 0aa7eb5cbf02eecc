/**
 * Publish and subscribe as connections see it, on one worker and on several: replies and messages
 * byte for byte as redis-server 7.0.15 sends them, what bounds a subscriber, and hostile ones.
 */
import { describe, expect, it } from 'vitest';
import { NoteTopic } from '../mesh/note-topics.ts';
import {
  ask, connectTo, encodeRequest, keysOf, pipe, repliesOf, send,
} from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';
import { WorkerRig } from '../testing/worker-rig.ts';
import { SUBSCRIBED_BYTES_MAX } from './pub-sub.ts';

/** One connection of a rig of one worker. */
class Client {
  readonly rig: WorkerRig;
  readonly slot: number;
  #read = 0;

  constructor(rig: WorkerRig) {
    this.rig = rig;
    this.slot = rig.connect();
  }

  /** Sends a command; what has come since the last call, this one's replies included. */
  call(...words: readonly string[]): string {
    this.rig.receive(this.slot, encodeRequest(words));
    for (let turns = 0; this.rig.engine.isTurnRequested && turns < 100; turns++) this.rig.turn();
    return this.take();
  }

  take(): string {
    const all = this.rig.repliesOf(this.slot);
    const fresh = all.slice(this.#read);
    this.#read = all.length;
    return fresh;
  }

  get isCut(): boolean {
    return this.rig.engine.cut.has(this.slot);
  }
}

/** Values as RESP2 has them; numbers as integers. */
function array(...items: readonly (string | number)[]): string {
  const body = items.map((item) =>
    (typeof item === 'number' ? `:${item}\r\n` : `$${item.length}\r\n${item}\r\n`)).join('');
  return `*${items.length}\r\n${body}`;
}

const push = (...items: readonly (string | number)[]): string => `>${array(...items).slice(1)}`;

describe('a subscriber', () => {
  it('gets messages in the form of its protocol, also when that changes', () => {
    const rig = new WorkerRig();
    const [listener, publisher] = [new Client(rig), new Client(rig)];
    listener.call('HELLO', '3');
    expect(listener.call('SUBSCRIBE', 'a')).toBe(push('subscribe', 'a', 1));
    expect(listener.call('PSUBSCRIBE', 'a*')).toBe(push('psubscribe', 'a*', 2));
    expect(publisher.call('PUBLISH', 'a', 'x')).toBe(':2\r\n');
    expect(listener.take()).toBe(push('message', 'a', 'x') + push('pmessage', 'a*', 'a', 'x'));
    listener.call('HELLO', '2');
    expect(publisher.call('PUBLISH', 'a', 'y')).toBe(':2\r\n');
    expect(listener.take()).toBe(array('message', 'a', 'y') + array('pmessage', 'a*', 'a', 'y'));
  });

  it('may say little in RESP2, and everything in RESP3', () => {
    const rig = new WorkerRig();
    const client = new Client(rig);
    client.call('SUBSCRIBE', 'a');
    const refusal = (name: string): string =>
      `-ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / ` +
      'RESET are allowed in this context\r\n';
    expect(client.call('GET', 'k')).toBe(refusal('get'));
    expect(client.call('CLIENT', 'INFO')).toBe(refusal('client|info'));
    expect(client.call('EXEC')).toBe('-EXECABORT Transaction discarded because of: ' +
      `${refusal('exec').slice('-ERR '.length)}`);
    expect(client.call('NOPE')).toMatch(/^-ERR unknown command/);
    expect(client.call('GET')).toMatch(/^-ERR wrong number/);
    expect(client.call('PING')).toBe(array('pong', ''));
    expect(client.call('PING', 'x')).toBe(array('pong', 'x'));
    expect(client.call('RESET')).toBe('+RESET\r\n');
    expect(client.call('GET', 'k')).toBe('$-1\r\n');
    client.call('HELLO', '3');
    client.call('SSUBSCRIBE', 'a');
    expect(client.call('GET', 'k')).toBe('_\r\n');
    expect(client.call('PING')).toBe('+PONG\r\n');
  });

  it('gets its own messages before the reply', () => {
    const client = new Client(new WorkerRig());
    client.call('HELLO', '3');
    client.call('SUBSCRIBE', 'a');
    expect(client.call('PUBLISH', 'a', 'me')).toBe(`${push('message', 'a', 'me')}:1\r\n`);
  });

  it('is confirmed and told also where replies are dropped', () => {
    const rig = new WorkerRig();
    const [client, publisher] = [new Client(rig), new Client(rig)];
    expect(client.call('CLIENT', 'REPLY', 'OFF')).toBe('');
    expect(client.call('SUBSCRIBE', 'a')).toBe(array('subscribe', 'a', 1));
    publisher.call('PUBLISH', 'a', 'x');
    expect(client.take()).toBe(array('message', 'a', 'x'));
    expect(client.call('PING')).toBe('');
    expect(client.call('UNSUBSCRIBE')).toBe(array('unsubscribe', 'a', 0));
  });

  it('is confirmed within a transaction', () => {
    const client = new Client(new WorkerRig());
    client.call('MULTI');
    client.call('SUBSCRIBE', 'a', 'b');
    client.call('GET', 'k');
    expect(client.call('EXEC'))
      .toBe(`*2\r\n${array('subscribe', 'a', 1)}${array('subscribe', 'b', 2)}$-1\r\n`);
    expect(client.call('GET', 'k')).toMatch(/^-ERR Can't execute/);
  });

  it('unsubscribes from nothing, from what it has not, and twice', () => {
    const client = new Client(new WorkerRig());
    expect(client.call('UNSUBSCRIBE')).toBe('*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n');
    expect(client.call('PUNSUBSCRIBE', 'q', 'r'))
      .toBe(array('punsubscribe', 'q', 0) + array('punsubscribe', 'r', 0));
    expect(client.call('SUBSCRIBE', 'a', 'a')).toBe(array('subscribe', 'a', 1).repeat(2));
    expect(client.call('UNSUBSCRIBE', 'a', 'a')).toBe(array('unsubscribe', 'a', 0).repeat(2));
    expect(client.call('SUNSUBSCRIBE')).toBe('*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n');
  });

  it('leaves with its connection, by RESET and by CLIENT KILL TYPE pubsub', () => {
    const rig = new WorkerRig();
    const asker = new Client(rig);
    const listeners = [0, 1, 2].map(() => new Client(rig));
    for (const listener of listeners) listener.call('SUBSCRIBE', 'a', 'b');
    expect(asker.call('PUBSUB', 'NUMSUB', 'a')).toBe(array('a', 3));
    const lines = asker.call('CLIENT', 'LIST', 'TYPE', 'pubsub');
    expect(lines.match(/flags=P db=0 sub=2 psub=0 ssub=0/g)).toHaveLength(3);
    rig.disconnect(listeners[0]?.slot ?? -1);
    listeners[1]?.call('RESET');
    expect(asker.call('PUBSUB', 'NUMSUB', 'a')).toBe(array('a', 1));
    expect(asker.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(':1\r\n');
    expect(asker.call('PUBSUB', 'CHANNELS')).toBe('*0\r\n');
    expect(asker.call('PUBLISH', 'a', 'x')).toBe(':0\r\n');
  });
});

describe('bounds', () => {
  it('cut a subscriber that does not read, with a reason, and no other', () => {
    const rig = new WorkerRig({
      settings: [['client-output-buffer-limit', 'pubsub 10000 0 0']],
    });
    const [slow, publisher] = [new Client(rig), new Client(rig)];
    slow.call('SUBSCRIBE', 'a');
    rig.engine.holdsSends = true;
    let count = 0;
    while (publisher.call('PUBLISH', 'a', 'x'.repeat(1000)).includes(':1')) {
      rig.release(publisher.slot);
      count++;
      expect(count).toBeLessThan(20);
    }
    expect(count).toBeGreaterThan(8);
    expect(slow.isCut).toBe(true);
    expect(publisher.isCut).toBe(false);
    expect(rig.log.join('\n')).toContain('reached client-output-buffer-limit');
    expect(publisher.call('PUBSUB', 'NUMSUB', 'a')).toContain(':0\r\n');
    rig.disconnect(slow.slot);
    expect(rig.worker.chunks.alive).toBeLessThan(8);
  });

  it('cut in the middle of a fan-out leave the message to all others', () => {
    const rig = new WorkerRig({
      settings: [['client-output-buffer-limit', 'pubsub 1000 0 0']],
    });
    const listeners = Array.from({ length: 30 }, () => new Client(rig));
    for (const listener of listeners) {
      listener.call('SUBSCRIBE', 'a');
      listener.call('PSUBSCRIBE', 'a*');
    }
    const publisher = new Client(rig);
    rig.engine.holdsSends = true;
    for (const listener of listeners.filter((_, i) => i % 3 === 0)) {
      rig.receive(listener.slot, encodeRequest(['PING', 'x'.repeat(900)]));
    }
    expect(publisher.call('PUBLISH', 'a', 'y'.repeat(200))).toMatch(/^:(?:5\d|60)\r\n$/);
    listeners.forEach((listener, i) => {
      expect(listener.isCut, `listener ${i}`).toBe(i % 3 === 0);
      if (i % 3 !== 0) expect(listener.take()).toContain('y'.repeat(200));
    });
    rig.release(publisher.slot);
    for (const listener of listeners) rig.release(listener.slot);
    expect(publisher.call('PUBSUB', 'NUMSUB', 'a')).toContain(':20\r\n');
  });

  it('refuse names longer than keys may be', () => {
    const client = new Client(new WorkerRig());
    const longest = 'n'.repeat(1024 * 1024);
    expect(client.call('SUBSCRIBE', `${longest}n`)).toMatch(/^-ERR/);
    expect(client.call('PUBLISH', `${longest}n`, '')).toMatch(/^-ERR/);
    expect(client.call('SUBSCRIBE', longest)).toBe(array('subscribe', longest, 1));
    const publisher = new Client(client.rig);
    expect(publisher.call('PUBLISH', longest, 'x')).toBe(':1\r\n');
    expect(client.take()).toBe(array('message', longest, 'x'));
  });

  it('refuse subscriptions beyond the memory for them, which counts as the client\'s', () => {
    const rig = new WorkerRig();
    const client = new Client(rig);
    const { exchange } = rig.worker.pubSub;
    client.call('HELLO', '3');
    const memory = (): number => Number(/tot-mem=(\d+)/.exec(client.call('CLIENT', 'INFO'))?.[1]);
    const before = memory();
    client.call('SUBSCRIBE', 'x'.repeat(5000));
    expect(memory() - before).toBeGreaterThan(5000);
    exchange.bytes += SUBSCRIBED_BYTES_MAX - 10_000;
    expect(client.call('SUBSCRIBE', 'a', 'y'.repeat(5000))).toMatch(/^-ERR too many subscriptions/);
    expect(client.call('PUBSUB', 'NUMSUB', 'a')).toBe(array('a', 0));
    expect(client.call('PSUBSCRIBE', 'a')).toBe(push('psubscribe', 'a', 2));
    exchange.bytes -= SUBSCRIBED_BYTES_MAX - 10_000;
    client.call('UNSUBSCRIBE');
    client.call('PUNSUBSCRIBE');
    expect(exchange.bytes).toBe(0);
    expect(memory()).toBe(before);
  });

  it('hold 100,000 patterns, of which a message asks few', () => {
    const rig = new WorkerRig();
    const [client, publisher] = [new Client(rig), new Client(rig)];
    for (let from = 0; from < 100_000; from += 10_000) {
      const names = Array.from({ length: 10_000 }, (_, i) => `user:${from + i}:*`);
      client.call('PSUBSCRIBE', ...names);
    }
    expect(publisher.call('PUBSUB', 'NUMPAT')).toBe(':100000\r\n');
    // A scan of all for each of these would take minutes.
    for (let i = 0; i < 5000; i++) {
      expect(publisher.call('PUBLISH', `user:${i * 17}:mail`, '')).toBe(':1\r\n');
    }
    client.call('PUNSUBSCRIBE');
    expect(publisher.call('PUBSUB', 'NUMPAT')).toBe(':0\r\n');
  });
});

/** Notes of a topic from this worker find no memory while `isShort`. */
function withShortMemory(mesh: MeshRig, rig: number, topic: number): { isShort: boolean } {
  const notes = mesh.rigs[rig]?.worker.mesh?.notes;
  if (notes === undefined) throw new Error('a worker among others has notes');
  const state = { isShort: true };
  const send = notes.send.bind(notes);
  notes.send = (worker, about, number, write) =>
    (state.isShort && about === topic ? false : send(worker, about, number, write));
  return state;
}

describe('short of memory', () => {
  it('names reach their owner later, in order, and the counts are right', () => {
    const mesh = new MeshRig(2);
    const state = withShortMemory(mesh, 1, NoteTopic.PubSubNames);
    const [channel = ''] = keysOf(0, 2, 1);
    const [stays, goes] = [connectTo(mesh, 1), connectTo(mesh, 1)];
    for (const client of [goes, stays]) send(mesh, client, 'SUBSCRIBE', channel);
    mesh.disconnect(goes.rig, goes.slot);
    mesh.settle();
    expect(repliesOf(mesh, stays)).toBe('');
    state.isShort = false;
    mesh.rigs[1]?.tick(100);
    mesh.rest(1);
    mesh.settle();
    expect(repliesOf(mesh, stays)).toBe(array('subscribe', channel, 1));
    const publisher = connectTo(mesh, 0);
    expect(ask(mesh, publisher, 'PUBLISH', channel, 'x')).toBe(':1\r\n');
    expect(ask(mesh, stays, 'UNSUBSCRIBE')).toContain(array('unsubscribe', channel, 0));
    expect(ask(mesh, publisher, 'PUBLISH', channel, 'x')).toBe(':0\r\n');
  });

  it('a message that cannot be sent on costs its subscribers their connection', () => {
    const mesh = new MeshRig(2);
    const state = withShortMemory(mesh, 0, NoteTopic.PubSubMessage);
    const [channel = ''] = keysOf(0, 2, 1);
    const [near, far, other] = [connectTo(mesh, 0), connectTo(mesh, 1), connectTo(mesh, 1)];
    for (const client of [near, far]) ask(mesh, client, 'SUBSCRIBE', channel);
    ask(mesh, near, 'PING');
    expect(ask(mesh, other, 'PUBLISH', channel, 'x')).toBe(':2\r\n');
    expect(repliesOf(mesh, near)).toContain(array('message', channel, 'x'));
    expect(mesh.rigs[1]?.engine.cut).toEqual(new Set([far.slot]));
    expect(mesh.rigs[1]?.log.join('\n')).toContain('no memory was left for a message');
    state.isShort = false;
    expect(ask(mesh, other, 'PUBLISH', channel, 'x')).toBe(':1\r\n');
  });
});

describe.each([2, 3])('over %i workers', (workerCount) => {
  it('payloads of any size arrive whole, at every connection', () => {
    const mesh = new MeshRig(workerCount);
    const listeners = Array.from({ length: workerCount * 2 }, (_, i) =>
      connectTo(mesh, i % workerCount));
    for (const listener of listeners) ask(mesh, listener, 'SUBSCRIBE', 'big');
    for (let from = 0; from < workerCount; from++) {
      const publisher = connectTo(mesh, from);
      for (const bytes of [0, 1, 16_000, 70_000, 3_000_000]) {
        const before = listeners.map((listener) => repliesOf(mesh, listener).length);
        const payload = 'z'.repeat(bytes);
        expect(ask(mesh, publisher, 'PUBLISH', 'big', payload)).toBe(`:${listeners.length}\r\n`);
        listeners.forEach((listener, i) => {
          expect(repliesOf(mesh, listener).slice(before[i]) === array('message', 'big', payload),
            `${bytes} bytes from worker ${from}`).toBe(true);
        });
      }
    }
  });

  it('a message follows what its connection has done before', () => {
    const mesh = new MeshRig(workerCount);
    const [key = ''] = keysOf(0, workerCount, 1);
    const [channel = ''] = keysOf(1, workerCount, 1);
    const listener = connectTo(mesh, 0);
    ask(mesh, listener, 'HELLO', '3');
    ask(mesh, listener, 'SUBSCRIBE', channel);
    const writer = connectTo(mesh, workerCount - 1);
    for (let i = 0; i < 50; i++) {
      pipe(mesh, writer, ['SET', key, String(i)], ['PUBLISH', channel, String(i)]);
      const before = repliesOf(mesh, listener).length;
      for (let turn = 0; !repliesOf(mesh, listener).slice(before).includes('message'); turn++) {
        mesh.turn((turn + i) % workerCount);
        expect(turn).toBeLessThan(100);
      }
      const told = repliesOf(mesh, listener).length;
      send(mesh, listener, 'GET', key);
      mesh.settle();
      expect(repliesOf(mesh, listener).slice(told)).toBe(`$${String(i).length}\r\n${i}\r\n`);
    }
  });

  it.each([
    ['GET'], ['SET', 'GET'], ['SET', 'OWN'],
  ])('no message overtakes the confirmation before %j', (...kinds) => {
    const mesh = new MeshRig(workerCount);
    const [own = '', other = ''] = [0, 1].map((worker) => keysOf(worker, workerCount, 1)[0]);
    const [listener, publisher] = [connectTo(mesh, 0), connectTo(mesh, 0)];
    const known = ask(mesh, listener, 'HELLO', '3').length;
    // The channel is the listener's own worker's, what follows another's.
    const behind = kinds.map((kind) => (kind === 'OWN' ? ['GET', own] : [kind, other, 'v']))
      .map((words) => (words[0] === 'GET' ? words.slice(0, 2) : words));
    pipe(mesh, listener, ['SUBSCRIBE', own], ...behind);
    send(mesh, publisher, 'PUBLISH', own, 'x');
    mesh.settle();
    const heard = repliesOf(mesh, listener).slice(known);
    const confirmation = push('subscribe', own, 1);
    expect(heard.slice(0, confirmation.length)).toBe(confirmation);
    expect(heard).toContain(push('message', own, 'x'));
  });

  it('PUBLISH within EXEC and a pipeline tells in order, and counts exactly', () => {
    const mesh = new MeshRig(workerCount);
    const names = Array.from({ length: workerCount }, (_, i) => keysOf(i, workerCount, 1)[0] ?? '');
    const listener = connectTo(mesh, 1);
    ask(mesh, listener, 'SUBSCRIBE', ...names);
    const writer = connectTo(mesh, 0);
    ask(mesh, writer, 'MULTI');
    for (const name of names) {
      ask(mesh, writer, 'SET', name, 'v');
      ask(mesh, writer, 'PUBLISH', name, 'in exec');
    }
    expect(ask(mesh, writer, 'EXEC'))
      .toBe(`*${names.length * 2}\r\n${'+OK\r\n:1\r\n'.repeat(names.length)}`);
    for (const name of names) {
      expect(repliesOf(mesh, listener)).toContain(array('message', name, 'in exec'));
    }
    const before = repliesOf(mesh, writer).length;
    const many = Array.from({ length: 40 }, (_, i) =>
      ['PUBLISH', names[i % workerCount] ?? '', `p${i}`]);
    pipe(mesh, writer, ...many);
    mesh.settle();
    expect(repliesOf(mesh, writer).slice(before)).toBe(':1\r\n'.repeat(40));
    for (const name of names) {
      const texts = many.filter(([, to]) => to === name).map(([, , text]) => text ?? '');
      const at = texts.map((text) => repliesOf(mesh, listener).indexOf(`\r\n${text}\r\n`));
      expect(at).toEqual([...at].sort((a, b) => a - b));
      expect(at).not.toContain(-1);
    }
  });

  it('a pipeline of a RESP2 subscriber is refused whole, wherever its keys are', () => {
    const mesh = new MeshRig(workerCount);
    const client = connectTo(mesh, 0);
    ask(mesh, client, 'SUBSCRIBE', 'a');
    const before = repliesOf(mesh, client).length;
    const keys = Array.from({ length: workerCount * 3 }, (_, i) =>
      keysOf(i % workerCount, workerCount, 1)[0] ?? '');
    pipe(mesh, client, ...keys.flatMap((key) => [['SET', key, 'v'], ['GET', key]]));
    mesh.settle();
    const replies = repliesOf(mesh, client).slice(before).split('\r\n').slice(0, -1);
    expect(replies).toHaveLength(keys.length * 2);
    for (const reply of replies) expect(reply).toMatch(/^-ERR Can't execute '(?:get|set)'/);
    ask(mesh, client, 'RESET');
    for (const key of keys) expect(ask(mesh, client, 'GET', key)).toBe('$-1\r\n');
  });

  it('events of keys come from any worker, before the reply to the command', () => {
    const mesh = new MeshRig(workerCount, { settings: [['notify-keyspace-events', 'KEA']] });
    for (let worker = 0; worker < workerCount; worker++) {
      const client = connectTo(mesh, worker);
      ask(mesh, client, 'HELLO', '3');
      ask(mesh, client, 'SUBSCRIBE', '__keyevent@0__:set');
      ask(mesh, client, 'PSUBSCRIBE', '__keyspace@0__:*');
      for (let owner = 0; owner < workerCount; owner++) {
        const [key = ''] = keysOf(owner, workerCount, 1);
        expect(ask(mesh, client, 'SET', key, 'v')).toBe(
          push('pmessage', '__keyspace@0__:*', `__keyspace@0__:${key}`, 'set') +
            `${push('message', '__keyevent@0__:set', key)}+OK\r\n`,
        );
      }
      mesh.disconnect(client.rig, client.slot);
      mesh.settle();
    }
  });

  it('a connection that ends while its subscription is under way is not counted', () => {
    const mesh = new MeshRig(workerCount);
    const asker = connectTo(mesh, 0);
    for (let worker = 0; worker < workerCount; worker++) {
      const gone = connectTo(mesh, worker);
      send(mesh, gone, 'SUBSCRIBE', 'a', 'b', 'c', 'd');
      mesh.disconnect(gone.rig, gone.slot);
      const other = connectTo(mesh, worker);
      ask(mesh, other, 'PSUBSCRIBE', '*');
      send(mesh, other, 'PUNSUBSCRIBE', '*');
      mesh.disconnect(other.rig, other.slot);
      mesh.settle();
      expect(ask(mesh, asker, 'PUBLISH', 'a', '')).toBe(':0\r\n');
      expect(ask(mesh, asker, 'PUBSUB', 'CHANNELS')).toBe('*0\r\n');
      expect(ask(mesh, asker, 'PUBSUB', 'NUMPAT')).toBe(':0\r\n');
    }
  });

  it('publishers wait while a worker does not take what it is sent', () => {
    const mesh = new MeshRig(workerCount);
    const [channel = ''] = keysOf(0, workerCount, 1);
    const listener = connectTo(mesh, 1);
    ask(mesh, listener, 'SUBSCRIBE', channel);
    const publishers = [0, workerCount - 1 === 1 ? 0 : workerCount - 1]
      .map((rig) => connectTo(mesh, rig));
    const payload = 'w'.repeat(15_000);
    // Worker 1 takes no turns meanwhile.
    for (let round = 0; round < 400; round++) {
      for (const publisher of publishers) send(mesh, publisher, 'PUBLISH', channel, payload);
      for (let i = 0; i < workerCount; i++) if (i !== 1) mesh.turn(i);
    }
    const waiting = mesh.rigs[0]?.worker.mesh?.port.peer(1).outbox.bytes ?? 0;
    expect(waiting).toBeGreaterThan(1024 * 1024);
    expect(waiting).toBeLessThan(1024 * 1024 + 64 * payload.length);
    const other = connectTo(mesh, 0);
    const [key = ''] = keysOf(0, workerCount, 1);
    send(mesh, other, 'SET', key, 'v');
    for (let i = 0; i < workerCount; i++) if (i !== 1) mesh.turn(i);
    expect(repliesOf(mesh, other)).toBe('+OK\r\n');
    mesh.settle();
    for (const publisher of publishers) {
      expect(repliesOf(mesh, publisher)).toBe(':1\r\n'.repeat(400));
    }
    const all = repliesOf(mesh, listener);
    expect(all.split(payload).length - 1).toBe(800);
  });
});
