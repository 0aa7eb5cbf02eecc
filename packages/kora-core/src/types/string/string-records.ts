/**
 * The door to records of plain strings: WebAssembly over a worker's memory
 * (kernel/string-record.as.ts, bytes in string-record-bytes.ts), or the plain TypeScript twin
 * (string-record.hot.ts) where a platform lacks SIMD. One call and 15 ns instead of two and 35.
 */
import type { WorkerMemory } from '../../structs/worker-memory.ts';
import { STRING_RECORD_BASE64 } from './string-record-bytes.ts';
import { writePlainSet } from './string-record.hot.ts';

/** Writes records of strings that lie in their entries. */
export interface StringRecords {
  /**
   * Writes the record of a StringSet.
   * @param to byte offset in low memory
   * @param room bytes there
   * @param kind, rest its first words: version, op, reason, db; other db, event, second event, 0
   * @param timeLow, timeHigh words of the ms since 1970 when the change was committed
   * @param ref the entry
   * @returns bytes of the record; 0 for a rope, a very long key or too little room
   */
  plainSet(
    to: number, room: number, kind: number, rest: number, timeLow: number, timeHigh: number,
    ref: number,
  ): number;
}

let compiled: WebAssembly.Module | null | undefined;

/** Over this memory. @param form `twin` for tests */
export function stringRecords(
  memory: WorkerMemory, form: 'kernel' | 'twin' = 'kernel',
): StringRecords {
  if (compiled === undefined) {
    const bytes = Uint8Array.from(atob(STRING_RECORD_BASE64), (letter) => letter.charCodeAt(0));
    compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  }
  if (compiled === null || form === 'twin') {
    return {
      plainSet: (to, room, kind, rest, timeLow, timeHigh, ref) =>
        writePlainSet(memory, to, room, kind, rest, timeLow, timeHigh, ref),
    };
  }
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory: memory.memory } });
  // Byte boundary: the exports' types are fixed by the test that rebuilds the kernel.
  return exports as unknown as StringRecords;
}
