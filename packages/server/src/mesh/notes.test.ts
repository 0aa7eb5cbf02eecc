/**
 * Notes between workers: whole, in order, of any length, also when the ring is full, and before the
 * replies that were sent behind them.
 */
import { describe, expect, it } from 'vitest';
import { MeshRig } from '../testing/index.ts';
import { NoteTopic } from './note-topics.ts';
import type { Notes } from './notes.ts';

interface Taken {
  readonly from: number;
  readonly number: number;
  readonly text: string;
}

function setUp(): { mesh: MeshRig; notes: Notes[]; taken: Taken[][] } {
  const mesh = new MeshRig(3);
  const taken: Taken[][] = [[], [], []];
  const notes = mesh.rigs.map(({ worker }, index) => {
    const own = worker.mesh?.notes;
    if (own === undefined) throw new Error('a worker among others has notes');
    own.on(NoteTopic.Test, (from, number, body) => {
      taken[index]?.push({ from, number, text: Buffer.from(body).toString('latin1') });
    });
    return own;
  });
  return { mesh, notes, taken };
}

function settle(mesh: MeshRig): void {
  for (let turn = 0; turn < 400; turn++) mesh.turn(turn % 3);
}

describe('notes', () => {
  it('come in order, with and without a body', () => {
    const { mesh, notes, taken } = setUp();
    for (let i = 0; i < 50; i++) {
      if (i % 3 === 0) notes[0]?.send(1, NoteTopic.Test, -i);
      else notes[0]?.send(1, NoteTopic.Test, i, (sink) => {
        sink.raw(Buffer.from(`body ${i}`));
      });
    }
    notes[2]?.send(1, NoteTopic.Test, 7);
    settle(mesh);
    const ofFirst = taken[1]?.filter(({ from }) => from === 0) ?? [];
    expect(ofFirst.map(({ number }) => Math.abs(number))).toEqual([...Array(50).keys()]);
    expect(ofFirst[4]?.text).toBe('body 4');
    expect(ofFirst[3]?.text).toBe('');
    expect(taken[1]?.filter(({ from }) => from === 2)).toEqual([{ from: 2, number: 7, text: '' }]);
    expect(taken[0]).toEqual([]);
  });

  it('are put together from pieces, whatever their length', () => {
    const { mesh, notes, taken } = setUp();
    const lengths = [1, 65_535, 65_536, 200_000, 3_000_000, 5];
    lengths.forEach((length, i) => {
      notes[1]?.send(2, NoteTopic.Test, i, (sink) => {
        sink.raw(Buffer.alloc(length, 97 + i));
      });
    });
    expect(notes[1]?.isCrowded(2)).toBe(true);
    settle(mesh);
    expect(notes[1]?.isCrowded(2)).toBe(false);
    expect(taken[2]?.map(({ number, text }) => [number, text.length])).toEqual(
      lengths.map((length, i) => [i, length]),
    );
    taken[2]?.forEach(({ text }, i) => {
      expect(text === String.fromCharCode(97 + i).repeat(lengths[i] ?? 0)).toBe(true);
    });
    expect(mesh.rigs.map(({ worker }) => worker.chunks.alive)).toEqual(
      new MeshRig(3).rigs.map(({ worker }) => worker.chunks.alive),
    );
  });

  it('do not come when memory is short for their bodies, and the next ones do', () => {
    const { mesh, notes, taken } = setUp();
    const worker = mesh.rigs[0]?.worker;
    if (worker === undefined) throw new Error('there is a worker');
    const { chunks } = worker;
    const take = chunks.take.bind(chunks);
    let left = 2;
    chunks.take = () => (left-- > 0 ? take() : undefined);
    const isSent = notes[0]?.send(1, NoteTopic.Test, 1, (sink) => {
      sink.raw(Buffer.alloc(2_000_000));
    });
    chunks.take = take;
    expect(isSent).toBe(false);
    notes[0]?.send(1, NoteTopic.Test, 2);
    settle(mesh);
    expect(taken[1]).toEqual([{ from: 0, number: 2, text: '' }]);
  });
});
