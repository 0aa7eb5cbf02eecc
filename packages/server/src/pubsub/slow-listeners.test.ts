/**
 * A client that never reads what it is told without having asked, on one worker and over two:
 * events of keys, and invalidations, its own and those redirected to it. It is cut at the limit of
 * its class, with a reason, and nothing of what waited for it stays; whoever changes the keys goes
 * on, and so does who reads.
 */
import { describe, expect, it } from 'vitest';
import { ask, connectTo, keysOf, repliesOf, send } from '../testing/mesh-clients.ts';
import type { MeshClient } from '../testing/mesh-clients.ts';
import { UNASKED_BYTES_MAX } from '../mesh/notes.ts';
import { MeshRig } from '../testing/mesh-rig.ts';

const LIMIT_BYTES = 200_000;
/** Long, so that few changes reach the limit. */
const NAME_BYTES = 2_000;
/** Changes until the limit is passed many times over. */
const CHANGES = 400;

class Rig {
  readonly mesh: MeshRig;
  /** Changes keys; they are those of its own worker. */
  readonly writer: MeshClient;
  /** Reads what it is told. */
  readonly reader: MeshClient;
  /** Never does; on worker 0. */
  readonly slow: MeshClient;
  readonly #key: string;

  constructor(workers: number) {
    const limit = `${LIMIT_BYTES} 0 0`;
    this.mesh = new MeshRig(workers, { settings: [
      ['client-output-buffer-limit', `normal ${limit} pubsub ${limit}`],
    ] });
    this.writer = connectTo(this.mesh, workers - 1);
    this.reader = connectTo(this.mesh, 0);
    this.slow = connectTo(this.mesh, 0);
    this.#key = `{${keysOf(workers - 1, workers, 1)[0] ?? ''}}`.padEnd(NAME_BYTES, 'n');
  }

  get worker(): MeshRig['rigs'][number]['worker'] {
    return this.mesh.rigs[0]?.worker ?? expect.fail();
  }

  ask(client: MeshClient, ...words: readonly string[]): string {
    return ask(this.mesh, client, ...words);
  }

  idOf({ slot }: MeshClient): string {
    return String(this.worker.sessions.atSlot(slot)?.id);
  }

  /** From now on only the slow client does not read. @returns bytes that waited for it, at most */
  change(before: (key: string) => void = () => undefined): number {
    const { mesh, slow } = this;
    let bytesMost = 0;
    for (let i = 0; i < CHANGES; i++) {
      const key = `${this.#key}${i % 7}`;
      before(key);
      for (const { engine } of mesh.rigs) engine.holdsSends = true;
      send(mesh, this.writer, 'SET', key, 'v');
      do mesh.settle(); while (this.#readAll() > 0);
      for (const { engine } of mesh.rigs) engine.holdsSends = false;
      bytesMost = Math.max(bytesMost, this.worker.sessions.atSlot(slow.slot)?.outputBytes ?? 0);
    }
    return bytesMost;
  }

  /** Everybody else reads. @returns how many sends that were */
  #readAll(): number {
    let count = 0;
    this.mesh.rigs.forEach((rig, index) => {
      rig.engine.heldCounts.forEach((held, slot) => {
        if ((index === 0 && slot === this.slow.slot) || held === 0) return;
        count += held;
        rig.release(slot);
        this.mesh.wakeUp(index);
      });
    });
    return count;
  }

  expectCut(bytesMost: number): void {
    const { mesh, slow, worker } = this;
    expect(worker.sessions.atSlot(slow.slot)?.isClosing).toBe(true);
    expect(bytesMost).toBeGreaterThan(LIMIT_BYTES / 2);
    expect(bytesMost).toBeLessThan(LIMIT_BYTES + 2 * NAME_BYTES);
    expect(mesh.rigs.flatMap(({ log }) => log).filter((line) => line.includes('cut'))).toEqual([
      expect.stringMatching(/warning client \d+ cut: it reached client-output-buffer-limit/),
    ]);
    mesh.disconnect(slow.rig, slow.slot);
    mesh.settle();
    expect(this.ask(this.writer, 'INFO', 'stats'))
      .toContain('client_output_buffer_limit_disconnections:1\r\n');
    for (const rig of mesh.rigs) {
      expect(rig.worker.chunks.alive).toBeLessThan(20);
      for (const { outbox } of rig.worker.mesh?.port.peers ?? []) expect(outbox.bytes).toBe(0);
    }
  }
}

describe.each([1, 2])('a client that never reads, on %i workers', (workers) => {
  it.each(['SUBSCRIBE __keyevent@0__:set', 'PSUBSCRIBE __key*', 'HELLO 3'])(
    'is cut when it hears events of keys: %s', (line) => {
      const rig = new Rig(workers);
      rig.ask(rig.writer, 'CONFIG', 'SET', 'notify-keyspace-events', 'KEA');
      rig.ask(rig.slow, ...line.split(' '));
      if (line === 'HELLO 3') rig.ask(rig.slow, 'PSUBSCRIBE', '*');
      rig.ask(rig.reader, 'PSUBSCRIBE', '__keyevent*');
      rig.expectCut(rig.change());
      expect(repliesOf(rig.mesh, rig.reader).split(':set').length).toBe(CHANGES + 1);
    },
  );

  it('is cut when it is told of keys with a prefix', () => {
    const rig = new Rig(workers);
    rig.ask(rig.slow, 'HELLO', '3');
    rig.ask(rig.slow, 'CLIENT', 'TRACKING', 'ON', 'BCAST');
    rig.expectCut(rig.change());
  });

  it('is cut when it is told of keys that it has read, or others for it', () => {
    for (const isRedirected of [false, true]) {
      const rig = new Rig(workers);
      const reading = isRedirected ? rig.reader : rig.slow;
      if (isRedirected) rig.ask(rig.slow, 'SUBSCRIBE', '__redis__:invalidate');
      else rig.ask(rig.slow, 'HELLO', '3');
      rig.ask(
        reading, 'CLIENT', 'TRACKING', 'ON',
        ...isRedirected ? ['REDIRECT', rig.idOf(rig.slow)] : [],
      );
      rig.expectCut(rig.change((key) => {
        if (rig.worker.sessions.atSlot(reading.slot)?.isClosing === false) {
          rig.ask(reading, 'GET', key);
        }
      }));
    }
  });
});

describe('a worker that does not take what it is told', () => {
  /** Keys of worker 1 change while worker 0 stands still. @returns bytes that wait for it */
  function flood(rig: Rig): number {
    const { mesh, writer } = rig;
    const name = `{${keysOf(1, 2, 1)[0] ?? ''}}`.padEnd(60_000, 'n');
    let bytesMost = 0;
    for (let i = 0; i < 2 * UNASKED_BYTES_MAX / name.length; i++) {
      send(mesh, writer, 'SET', name, 'v');
      const outbox = mesh.rigs[1]?.worker.mesh?.port.peers[0]?.outbox;
      bytesMost = Math.max(bytesMost, outbox?.bytes ?? 0);
    }
    expect(repliesOf(mesh, writer).endsWith('+OK\r\n+OK\r\n')).toBe(true);
    return bytesMost;
  }

  it('is told no more of events than fits, and those who miss some are cut', () => {
    const rig = new Rig(2);
    rig.ask(rig.writer, 'CONFIG', 'SET', 'notify-keyspace-events', 'EA');
    rig.ask(rig.reader, 'SUBSCRIBE', '__keyevent@0__:set');
    const bytesMost = flood(rig);
    expect(bytesMost).toBeGreaterThan(UNASKED_BYTES_MAX);
    expect(bytesMost).toBeLessThan(UNASKED_BYTES_MAX + 100_000);
    rig.mesh.settle();
    expect(rig.worker.sessions.atSlot(rig.reader.slot)?.isClosing).toBe(true);
    expect(rig.mesh.rigs[0]?.log.at(-1)).toMatch(
      /cut: no memory was left for a message from another worker/,
    );
    // Who comes then hears everything again.
    rig.ask(rig.slow, 'SUBSCRIBE', '__keyevent@0__:set');
    const before = repliesOf(rig.mesh, rig.slow).length;
    const key = keysOf(1, 2, 1)[0] ?? '';
    rig.ask(rig.writer, 'SET', key, 'v');
    expect(repliesOf(rig.mesh, rig.slow).slice(before)).toContain(`${key}\r\n`);
  });

  it('is told that everything may have changed, instead of keys that do not fit', () => {
    const rig = new Rig(2);
    rig.ask(rig.reader, 'HELLO', '3');
    rig.ask(rig.reader, 'CLIENT', 'TRACKING', 'ON', 'BCAST');
    const bytesMost = flood(rig);
    expect(bytesMost).toBeGreaterThan(UNASKED_BYTES_MAX);
    expect(bytesMost).toBeLessThan(UNASKED_BYTES_MAX + 100_000);
    rig.mesh.settle();
    expect(rig.worker.sessions.atSlot(rig.reader.slot)?.isClosing).toBe(false);
    const told = repliesOf(rig.mesh, rig.reader);
    expect(told.split('invalidate\r\n_\r\n')).toHaveLength(2);
    expect(told.endsWith('invalidate\r\n_\r\n')).toBe(true);
  });
});
