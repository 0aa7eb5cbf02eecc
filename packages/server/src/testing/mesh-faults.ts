/**
 * Memory that fails one worker of several while a command runs, and what the command has to have
 * done: nothing at all, or all of it.
 */
import type { Allocator } from '@kora/core';

/** A fault of memory: `end` heals it and says whether the command has met it. */
export interface FaultOfMemory {
  readonly end: () => boolean;
}

const PAGE_BYTES = 4096;

/** The n-th reserve from now on is refused, not counting those that a hold has promised. */
export function refuseReserve(allocator: Allocator, n: number): FaultOfMemory {
  const reserve = allocator.reserve.bind(allocator);
  const letGo = allocator.letGo.bind(allocator);
  let calls = 0;
  let promisedPages = 0;
  allocator.letGo = (pages) => {
    letGo(pages);
    promisedPages = pages;
  };
  allocator.reserve = (blocks, bytes) => {
    promisedPages -= blocks + Math.ceil(bytes / PAGE_BYTES);
    return (promisedPages < 0 && ++calls === n) ? false : reserve(blocks, bytes);
  };
  return {
    end: () => {
      Reflect.deleteProperty(allocator, 'reserve');
      Reflect.deleteProperty(allocator, 'letGo');
      return calls >= n;
    },
  };
}

/** The n-th hold from now on is refused. */
export function refuseHold(allocator: Allocator, n: number): FaultOfMemory {
  const hold = allocator.hold.bind(allocator);
  let calls = 0;
  allocator.hold = (blocks, bytes) => (++calls === n ? 0 : hold(blocks, bytes));
  return {
    end: () => {
      Reflect.deleteProperty(allocator, 'hold');
      return calls >= n;
    },
  };
}

/** All pages of the arena are taken but so many. */
export function starve(allocator: Allocator, pages: number): FaultOfMemory {
  const { memory } = allocator;
  memory.ensurePages = () => false;
  const taken: number[] = [];
  const take = (): number => allocator.alloc(PAGE_BYTES);
  for (let ref = take(); ref !== 0; ref = take()) taken.push(ref);
  for (const ref of taken.splice(-pages, pages)) allocator.free(ref);
  return {
    end: () => {
      Reflect.deleteProperty(memory, 'ensurePages');
      for (const ref of taken) allocator.free(ref);
      return true;
    },
  };
}
