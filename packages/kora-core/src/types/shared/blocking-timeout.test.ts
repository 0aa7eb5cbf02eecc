/**
 * Time-outs of waiting commands: what redis-server 7.0.15 accepts and refuses, as it answered.
 */
import { describe, expect, it } from 'vitest';
import { ClientState } from '../../command/client-state.ts';
import { ArgFrame } from '../../command/arg-frame.hot.ts';
import { WorkerMemory } from '../../structs/worker-memory.ts';
import { readBlockingTimeout, timeoutErrors } from './blocking-timeout.ts';

const { negative, notFloat } = timeoutErrors;
const MIB = 1024 * 1024;

const recorded: readonly (readonly [text: string, outcome: unknown])[] = [
  ['0', 0], ['1', 1000], ['999999999999', 999_999_999_999_000], ['0.1', 100], ['0.0001', 1],
  ['1e3', 1_000_000], ['0x10', 16_000], ['-0', 0], ['-0.0001', 0], ['-0.001', 0], ['.5', 500],
  ['9223372036854775', Infinity], ['9223372036854775.807', Infinity],
  ['-0.0011', negative], ['-1', negative], ['inf', negative], ['-inf', negative],
  ['9223372036854776', negative], ['1e30', negative], ['1e400', negative], ['1e4931', negative],
  ['1e5000', notFloat], ['1e-5000', notFloat], ['nan', notFloat], ['x', notFloat], ['', notFloat],
  [' 1', notFloat], ['1 ', notFloat], ['0x10p', notFloat], ['0'.repeat(6000), notFloat],
];

describe('time-outs of waiting commands', () => {
  it.each(recorded)('%s', (text, outcome) => {
    const memory = WorkerMemory.create({ lowBytes: MIB, bytesMax: 16 * MIB });
    const frame = new ArgFrame(memory, new ClientState(1));
    const at = memory.lowAllocator.alloc(8192) * 8;
    for (let i = 0; i < text.length; i++) memory.low[at + i] = text.charCodeAt(i);
    frame.bind(Int32Array.of(at), Int32Array.of(text.length), 1);
    const read = readBlockingTimeout(frame, 0);
    expect(Object.is(read, -0) ? 0 : read).toBe(outcome);
  });
});
