/**
 * Law 7 in tests: a command that meets the end of memory answers an OOM error and has changed
 * nothing, wherever that happens. Each attempt runs on a fresh engine that was prepared in the same
 * way, so an attempt that gets by without what was refused does not disturb the next.
 *
 *   refused reserves   the n-th call of `reserve` is refused, n = 1, 2, ... until all are granted
 *   scarce pages       the arena is filled but for k pages of 4 KiB, k = 0, 1, ... until it works
 *
 * A violation is an Error that names the command, the fault and the first difference.
 */
import { BIG_ARGUMENT_BYTES_MIN } from '../limits.ts';
import type { CommandDriverOptions, DriverArgument } from './command-driver.ts';
import { CommandDriver } from './command-driver.ts';
import type { ShardContents } from './shard-contents.ts';
import { contentsOf } from './shard-contents.ts';

/** How an engine is prepared for the command. */
export interface FaultSetup {
  /** Commands that ran before; must succeed. */
  readonly before: readonly (readonly DriverArgument[])[];
  readonly options?: CommandDriverOptions;
}

/** Reserves of one command, at most. */
const RESERVES_MAX = 200;
const PAGE_BYTES = 4096;
/** Pages left at most before a command has to succeed ... */
const PAGES_MAX = 4096;
const LOW_BYTES = 16 * 1024 * 1024;
const ARENA_BYTES = 24 * 1024 * 1024;

/** Makes the n-th `reserve` from now on fail; returns whether it came to that, and undoes it. */
export function refuseReserve(driver: CommandDriver, n: number): () => boolean {
  const allocator = driver.memory.arenaAllocator;
  const reserve = allocator.reserve.bind(allocator);
  let calls = 0;
  allocator.reserve = (blocks, bytes) => ++calls !== n && reserve(blocks, bytes);
  return () => {
    Reflect.deleteProperty(allocator, 'reserve');
    return calls >= n;
  };
}

/**
 * Refuses every reserve of `command` once.
 * @returns how many refusals ended in an OOM error
 * @throws {Error} when one changed something, leaked, or was answered with another error
 */
export function refuseReserves(setup: FaultSetup, command: readonly DriverArgument[]): number {
  let refusals = 0;
  for (let n = 1; n <= RESERVES_MAX; n++) {
    // A long argument arrives in a rope, which takes a reserve before the command begins.
    const before = command.filter(isBig).length;
    let hasCome = false;
    const isOom = attempt(prepared(setup), command, `reserve ${n} refused`, (driver) => {
      const heal = refuseReserve(driver, before + n);
      return () => {
        hasCome = heal();
      };
    });
    if (!hasCome) return refusals;
    if (isOom) refusals++;
  }
  throw new Error(`${shown(command)}: more than ${RESERVES_MAX} reserves`);
}

/**
 * Runs `command` with ever more free pages until it succeeds.
 * @returns how many attempts ended in an OOM error
 * @throws {Error} as refuseReserves
 */
export function starveOfPages(setup: FaultSetup, command: readonly DriverArgument[]): number {
  let refusals = 0;
  for (let pages = 0; pages <= PAGES_MAX; pages = pages < 16 ? pages + 1 : pages * 2) {
    const driver = prepared({
      ...setup,
      options: {
        memoryOptions: { lowBytes: LOW_BYTES, bytesMax: LOW_BYTES + ARENA_BYTES }, ...setup.options,
      },
    });
    const isOom = attempt(driver, command, `${pages} pages left`, () => fill(driver, pages));
    if (!isOom) return refusals;
    refusals++;
  }
  throw new Error(`${shown(command)}: does not succeed with ${PAGES_MAX} free pages`);
}

function isBig(argument: DriverArgument): boolean {
  const bytes = argument instanceof Uint8Array ? argument.length : String(argument).length;
  return bytes >= BIG_ARGUMENT_BYTES_MIN;
}

function prepared(setup: FaultSetup): CommandDriver {
  const driver = new CommandDriver(setup.options);
  for (const args of setup.before) {
    const reply = driver.reply(...args);
    if (reply.kind === 'error') throw new Error(`${shown(args)}: ${reply.text}`);
  }
  driver.settle();
  return driver;
}

/** Takes all pages of the arena but the last `pages`; returns what gives them back. */
function fill(driver: CommandDriver, pages: number): () => void {
  const allocator = driver.memory.arenaAllocator;
  const taken: number[] = [];
  for (let ref = allocator.alloc(PAGE_BYTES); ref !== 0; ref = allocator.alloc(PAGE_BYTES)) {
    taken.push(ref);
  }
  for (const ref of taken.splice(-pages, pages)) allocator.free(ref);
  return () => {
    for (const ref of taken) allocator.free(ref);
  };
}

/** Runs the command under a fault; true when it was refused, and then nothing has changed. */
function attempt(
  driver: CommandDriver, command: readonly DriverArgument[], fault: string,
  injure: (driver: CommandDriver) => () => void,
): boolean {
  const { memory, shard } = driver;
  const contents = contentsOf(shard);
  const keys = keyCounts(driver);
  const heal = injure(driver);
  const usedBytes = memory.usedBytes();
  const { sequence } = shard.journal;
  const reply = driver.reply(...command);
  // What a refused command had built aside goes in slices when it is big.
  while (shard.lazyFree.step());
  const usedAfter = memory.usedBytes();
  heal();
  const where = `${shown(command)} with ${fault}`;
  if (driver.errors.length > 0) throw new Error(`${where}: ${driver.errors.join('; ')}`);
  if (reply.kind !== 'error') return false;
  if (!reply.text.startsWith('OOM')) throw new Error(`${where}: answered ${reply.text}`);
  if (shard.journal.sequence !== sequence) throw new Error(`${where}: announced a change`);
  if (usedAfter !== usedBytes) {
    throw new Error(`${where}: ${usedAfter - usedBytes} bytes more are used`);
  }
  if (keyCounts(driver) !== keys) throw new Error(`${where}: changed the number of keys`);
  const difference = firstDifference(contents, contentsOf(shard));
  if (difference !== undefined) throw new Error(`${where}: changed ${difference}`);
  return true;
}

function keyCounts(driver: CommandDriver): string {
  return driver.shard.keyspace.databases
    .map(({ count, expiringCount }) => `${count}/${expiringCount}`).join(' ');
}

/** The first key that is not the same in both, with what it held and holds. */
function firstDifference(before: ShardContents, after: ShardContents): string | undefined {
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [held, holds] = [before, after].map((contents) => textOf(contents, key));
    if (held !== holds) return `${key} from ${held?.slice(0, 200)} to ${holds?.slice(0, 200)}`;
  }
  return undefined;
}

function textOf(contents: ShardContents, key: string): string {
  const held = contents.get(key);
  if (held === undefined) return 'nothing';
  return `${held.type} ${held.encoding} ${held.deadlineMs ?? ''} ${held.value}`;
}

function shown(command: readonly DriverArgument[]): string {
  return command.map(String).join(' ').slice(0, 120);
}
