/**
 * What commands that waited tell of the keys they change, over several workers: the events of
 * redis-server 7.0, in its order, to listeners on every worker. One worker is the model; what
 * redis-server says of each case stands beside it.
 */
import { describe, expect, it } from 'vitest';
import { elementsOf, repliesIn } from '../testing/mesh-checks.ts';
import { ask, connectTo, keysOf, repliesOf } from '../testing/mesh-clients.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

/** Commands in order, each of a new client of some worker that may wait, with keys s, d, e. */
interface Case {
  readonly commands: readonly string[];
  /** What redis-server 7.0.15 tells. */
  readonly events: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  'a move': {
    commands: ['BLMOVE s d LEFT RIGHT 0', 'RPUSH s a'],
    events: ['rpush s', 'rpush d', 'lpop s', 'del s'],
  },
  'a move from the tail of what stays': {
    commands: ['BLMOVE s d RIGHT LEFT 0', 'RPUSH s a b'],
    events: ['rpush s', 'lpush d', 'rpop s'],
  },
  'the older form': {
    commands: ['BRPOPLPUSH s d 0', 'LPUSH s a'],
    events: ['lpush s', 'lpush d', 'rpop s', 'del s'],
  },
  'a move to one who waits': {
    commands: ['BLPOP d 0', 'BLMOVE s d LEFT RIGHT 0', 'RPUSH s a'],
    events: ['rpush s', 'rpush d', 'lpop s', 'del s', 'lpop d', 'del d'],
  },
  'moves one behind the other': {
    commands: ['BLMOVE d e LEFT LEFT 0', 'BLMOVE s d LEFT RIGHT 0', 'RPUSH s a'],
    events: [
      'rpush s', 'rpush d', 'lpop s', 'del s', 'lpush e', 'lpop d', 'del d',
    ],
  },
  'a move that finds something at once': {
    commands: ['BLPOP d 0', 'RPUSH s a b', 'BLMOVE s d LEFT RIGHT 0'],
    events: ['rpush s', 'rpush d', 'lpop s', 'lpop d', 'del d'],
  },
  'two moves of what one push brings': {
    commands: ['BLMOVE s d LEFT RIGHT 0', 'BLMOVE s e RIGHT LEFT 0', 'RPUSH s a b'],
    events: ['rpush s', 'rpush d', 'lpop s', 'lpush e', 'rpop s', 'del s'],
  },
  'a pop of the first of several': {
    commands: ['BLMPOP 0 3 d e s LEFT COUNT 2', 'RPUSH s a b c'],
    events: ['rpush s', 'lpop s'],
  },
  'pops of several that were there': {
    commands: ['RPUSH e x', 'RPUSH s a', 'BLPOP d e s 0', 'BRPOP d e s 0'],
    events: ['rpush e', 'rpush s', 'lpop e', 'del e', 'rpop s', 'del s'],
  },
};

const CHANNEL = '__keyevent@0__:';

/** `event key` of all messages in a listener's stream. */
function heardIn(text: string): string[] {
  return repliesIn(text).slice(1).map((message) => {
    const [, , channel = '', payload = ''] = elementsOf(message).map((bulk) =>
      bulk.slice(bulk.indexOf('\r\n') + 2, -2));
    return `${channel.slice(CHANNEL.length)} ${payload}`;
  });
}

/** Runs the case; the keys lie on different workers. @returns what each listener hears */
function heardOf({ commands }: Case, workers: number, origin: number): string[][] {
  const mesh = new MeshRig(workers, { settings: [['notify-keyspace-events', 'EA']] });
  const keys = new Map(['s', 'd', 'e'].map((name, i) => {
    const owner = i % workers;
    return [name, keysOf(owner, workers, 3)[i] ?? ''];
  }));
  const nameOf = new Map([...keys].map(([name, key]) => [key, name]));
  const listeners = mesh.rigs.map((_, rig) => connectTo(mesh, rig));
  for (const listener of listeners) ask(mesh, listener, 'PSUBSCRIBE', `${CHANNEL}*`);
  commands.forEach((line, i) => {
    const client = connectTo(mesh, (origin + i) % workers);
    ask(mesh, client, ...line.split(' ').map((word) => keys.get(word) ?? word));
  });
  for (const rig of mesh.rigs) expect(rig.worker.shard.waiting.count).toBe(0);
  return listeners.map((listener) => heardIn(repliesOf(mesh, listener)).map((line) => {
    const [event = '', key = ''] = line.split(' ');
    return `${event} ${nameOf.get(key) ?? key}`;
  }));
}

describe.each(Object.entries(cases))('events of %s', (_name, one) => {
  it.each([1, 2, 3])('come in the order of redis-server on %i workers', (workers) => {
    for (let origin = 0; origin < workers; origin++) {
      for (const heard of heardOf(one, workers, origin)) {
        expect(heard, `first client on worker ${origin}`).toEqual(one.events);
      }
    }
  });
});
