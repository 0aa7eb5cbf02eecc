/**
 * The system calls of the native engines, through koffi: the one file of the house that imports it,
 * and only when an engine asks. Every pointer is a plain number, an address in the worker memory
 * (NativeMemory), in a mapping that is kept or, for a call that ends at once, in a typed array that
 * the caller keeps: the kernel is given nothing that the collector could move or free meanwhile.
 * All calls return what C returns, -1 with `errno()` for a refusal; none throws.
 * Cost: 0.12 us a call beside the system's own time; `errno()` 20 ns (Node 20, 2026-11-20).
 * Works with glibc and musl, x64 and arm64: types of arguments are the same there.
 */
import { createRequire } from 'node:module';
import type { WorkerMemory } from '@kora/core';

/** An address as a number: exact, for user addresses have 47 bits. */
export type Address = number;

/** The functions, by their C names; sizes and flags are plain numbers. */
export interface Libc {
  /** The error number of the last call that failed; read it at once. */
  errno(): number;
  socket(family: number, type: number, protocol: number): number;
  bind(descriptor: number, addressAt: Address, bytes: number): number;
  listen(descriptor: number, backlog: number): number;
  accept4(descriptor: number, addressAt: Address, bytesAt: Address, flags: number): number;
  getsockname(descriptor: number, addressAt: Address, bytesAt: Address): number;
  getpeername(descriptor: number, addressAt: Address, bytesAt: Address): number;
  setsockopt(
    descriptor: number, level: number, name: number, valueAt: Address, bytes: number,
  ): number;
  recv(descriptor: number, at: Address, bytes: number, flags: number): number;
  send(descriptor: number, at: Address, bytes: number, flags: number): number;
  sendmsg(descriptor: number, messageAt: Address, flags: number): number;
  shutdown(descriptor: number, how: number): number;
  close(descriptor: number): number;
  read(descriptor: number, at: Address, bytes: number): number;
  write(descriptor: number, at: Address, bytes: number): number;
  eventfd(initial: number, flags: number): number;
  /** With commands whose argument is an int. */
  fcntl(descriptor: number, command: number, argument: number): number;
  timerfd_create(clock: number, flags: number): number;
  timerfd_settime(timer: number, flags: number, timesAt: Address, oldAt: Address): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, descriptor: number, eventAt: Address): number;
  epoll_wait(epoll: number, eventsAt: Address, count: number, timeoutMs: number): number;
  madvise(at: Address, bytes: number, advice: number): number;
  /** Null-terminated names and hints in memory; the list's address is written to `resultAt`. */
  getaddrinfo(
    nodeAt: Address, serviceAt: Address, hintsAt: Address, resultAt: Address,
  ): number;
  freeaddrinfo(listAt: Address): void;
  io_uring_setup(entries: number, paramsAt: Address): number;
  io_uring_enter(ring: number, submit: number, complete: number, flags: number): number;
  io_uring_register(ring: number, operation: number, at: Address, count: number): number;
  /**
   * Maps a part of a descriptor, shared, for reading and writing.
   * @returns null when the system refuses
   */
  map(descriptor: number, bytes: number, offset: number): Mapping | null;
  /** Address of a view's first byte; whoever asked keeps the view while the kernel uses it. */
  addressOf(view: Uint8Array): Address;
  /** Copies bytes that lie at any address; for lists that the C library made. */
  copyOut(at: Address, bytes: number): Uint8Array;
}

/**
 * Memory outside the worker memory, shared with the kernel: a ring. It stays mapped for the life of
 * the process when its views may still be used; `unmap` is for when nothing looks at it any more.
 */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  unmap(): void;
}

/** Error numbers that the engines tell apart; the same on all Linux machines of Node. */
export const Errno = Object.freeze({
  EPERM: 1, EINTR: 4, EIO: 5, EBADF: 9, EAGAIN: 11, ENOMEM: 12, EFAULT: 14, EBUSY: 16, EINVAL: 22,
  ENFILE: 23, EMFILE: 24, EPIPE: 32, ENOSYS: 38, ETIME: 62, EPROTO: 71, EOPNOTSUPP: 95,
  EADDRINUSE: 98, EADDRNOTAVAIL: 99, ENETDOWN: 100, ENETUNREACH: 101, ECONNABORTED: 103,
  ECONNRESET: 104, ENOBUFS: 105, ENOTCONN: 107, ETIMEDOUT: 110, EHOSTUNREACH: 113, ECANCELED: 125,
} as const);

/** The worker memory as the kernel sees it. */
export class NativeMemory {
  readonly memory: WorkerMemory;
  /**
   * Address of the memory's byte 0. Growing never moves it: the address space of the maximum is
   * reserved when the memory is made.
   */
  readonly base: Address;

  constructor(memory: WorkerMemory, base: Address) {
    this.memory = memory;
    this.base = base;
  }

  /** Address of a byte offset. */
  addressOf(at: number): Address {
    return this.base + at;
  }
}

/** What koffi gives, as far as it is used here. */
interface Koffi {
  load(path: string): KoffiLibrary;
  errno(): number;
  address(value: ArrayBufferView): bigint;
  view(pointer: unknown, bytes: number): ArrayBuffer;
}

interface KoffiLibrary {
  func(name: string, result: string, parameters: readonly string[]): NativeFunction;
}

type NativeFunction = (...values: readonly unknown[]) => unknown;

/** Names of the C library: glibc, then musl. */
const LIBRARY_NAMES = Object.freeze([
  'libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1',
]);
/** System call numbers of io_uring: the same on every architecture. */
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const SYS_IO_URING_REGISTER = 427;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Signatures by C name: result, then parameters. Addresses are `uintptr_t`, so numbers. */
const SIGNATURES: Readonly<Record<string, readonly [string, ...string[]]>> = Object.freeze({
  socket: ['int', 'int', 'int', 'int'],
  bind: ['int', 'int', 'uintptr_t', 'uint'],
  listen: ['int', 'int', 'int'],
  accept4: ['int', 'int', 'uintptr_t', 'uintptr_t', 'int'],
  getsockname: ['int', 'int', 'uintptr_t', 'uintptr_t'],
  getpeername: ['int', 'int', 'uintptr_t', 'uintptr_t'],
  setsockopt: ['int', 'int', 'int', 'int', 'uintptr_t', 'uint'],
  recv: ['long', 'int', 'uintptr_t', 'size_t', 'int'],
  send: ['long', 'int', 'uintptr_t', 'size_t', 'int'],
  sendmsg: ['long', 'int', 'uintptr_t', 'int'],
  shutdown: ['int', 'int', 'int'],
  close: ['int', 'int'],
  read: ['long', 'int', 'uintptr_t', 'size_t'],
  write: ['long', 'int', 'uintptr_t', 'size_t'],
  eventfd: ['int', 'uint', 'int'],
  fcntl: ['int', 'int', 'int', 'int'],
  timerfd_create: ['int', 'int', 'int'],
  timerfd_settime: ['int', 'int', 'int', 'uintptr_t', 'uintptr_t'],
  epoll_create1: ['int', 'int'],
  epoll_ctl: ['int', 'int', 'int', 'int', 'uintptr_t'],
  epoll_wait: ['int', 'int', 'uintptr_t', 'int', 'int'],
  madvise: ['int', 'uintptr_t', 'size_t', 'int'],
  getaddrinfo: ['int', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'],
  freeaddrinfo: ['void', 'uintptr_t'],
});

let loaded: { readonly libc: Libc; readonly koffi: Koffi } | string | undefined;

/** The functions, or why they cannot be had here, on one line. Loaded once per thread. */
export function loadLibc(): Libc | string {
  const both = load();
  return typeof both === 'string' ? both : both.libc;
}

/** The worker memory with its address. The memory is kept alive by the result. */
export function nativeMemory(memory: WorkerMemory): NativeMemory | string {
  const both = load();
  if (typeof both === 'string') return both;
  return new NativeMemory(memory, Number(both.koffi.address(memory.low)));
}

function load(): { readonly libc: Libc; readonly koffi: Koffi } | string {
  loaded ??=
    process.platform === 'linux' ? loadOnLinux() : `no native engine on ${process.platform}`;
  return loaded;
}

function loadOnLinux(): { readonly libc: Libc; readonly koffi: Koffi } | string {
  let koffi: Koffi;
  try {
    // An optional dependency: absent is a normal state, and its types stay out of the build.
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    return `koffi cannot be loaded: ${firstLineOf(cause)}`;
  }
  for (const name of LIBRARY_NAMES) {
    try {
      return { libc: bindAll(koffi, koffi.load(name)), koffi };
    } catch {
      // The next name is another C library's.
    }
  }
  return 'the C library cannot be loaded';
}

function firstLineOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.split('\n', 1)[0] ?? '';
}

function bindAll(koffi: Koffi, library: KoffiLibrary): Libc {
  const plain = Object.fromEntries(
    Object.entries(SIGNATURES).map(([name, [result, ...parameters]]) =>
      [name, library.func(name, result, parameters)]),
  );
  const setup = library.func('syscall', 'long', ['long', 'uint', 'uintptr_t']);
  const enter = library.func(
    'syscall', 'long', ['long', 'int', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t'],
  );
  const register = library.func('syscall', 'long', ['long', 'int', 'uint', 'uintptr_t', 'uint']);
  const map = library.func(
    'mmap', 'void *', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'long'],
  );
  const unmap = library.func('munmap', 'int', ['void *', 'size_t']);
  // Untyped by nature: the byte boundary between C and the interface above.
  return {
    ...plain,
    errno: () => koffi.errno(),
    io_uring_setup: (entries: number, at: Address) => setup(SYS_IO_URING_SETUP, entries, at),
    io_uring_enter: (ring: number, submit: number, complete: number, flags: number) =>
      enter(SYS_IO_URING_ENTER, ring, submit, complete, flags, 0, 0),
    io_uring_register: (ring: number, operation: number, at: Address, count: number) =>
      register(SYS_IO_URING_REGISTER, ring, operation, at, count),
    map: (descriptor: number, bytes: number, offset: number): Mapping | null => {
      const pointer = map(0, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, descriptor, offset);
      if (pointer === MAP_FAILED) return null;
      return { buffer: koffi.view(pointer, bytes), unmap: () => void unmap(pointer, bytes) };
    },
    addressOf: (view: Uint8Array): Address => Number(koffi.address(view)),
    copyOut: (at: Address, bytes: number): Uint8Array =>
      Uint8Array.from(new Uint8Array(koffi.view(BigInt(at), bytes))),
  } as unknown as Libc;
}
