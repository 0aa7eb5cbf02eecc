/**
 * Builds the kernels: AssemblyScript in, a TypeScript module with base64 bytes out.
 * The bytes are committed, so nothing is compiled at build or start; a test compares them.
 * Invariants: the output is the same for the same source, flags and compiler version; a module with
 *   a data section is refused, because each new instance would write it over the shared memory.
 * Cost: about 2 s each. Run after a build: `node tools/kernel/dist/build.js`.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';

/** A kernel: its sources and the module that is made of them, from the root, and what it is. */
export interface KernelFiles {
  /** AssemblyScript, compiled as one file. */
  readonly sources: readonly string[];
  /** What the module says it was made of. */
  readonly origin: string;
  readonly module: string;
  readonly title: string;
  readonly constant: string;
}

/** All kernels of the workspace. */
export const kernels: readonly KernelFiles[] = [
  {
    sources: [
      'packages/kora-core/kernel/kernel.as.ts', 'packages/kora-core/kernel/kernel-lists.as.ts',
    ],
    origin: 'packages/kora-core/kernel/*.as.ts',
    module: 'packages/kora-core/src/structs/kernel-bytes.ts',
    title: 'The WebAssembly kernel', constant: 'KERNEL_BASE64',
  },
  {
    sources: ['packages/kora-core/kernel/string-record.as.ts'],
    origin: 'packages/kora-core/kernel/string-record.as.ts',
    module: 'packages/kora-core/src/types/string/string-record-bytes.ts',
    title: 'Records of strings in WebAssembly', constant: 'STRING_RECORD_BASE64',
  },
  {
    sources: ['packages/kora-core/kernel/vector-scan.as.ts'],
    origin: 'packages/kora-core/kernel/vector-scan.as.ts',
    module: 'packages/kora-core/src/types/vector-set/vector-scan-bytes.ts',
    title: 'Scans of vector sets in WebAssembly', constant: 'VECTOR_SCAN_BASE64',
  },
  {
    sources: ['packages/storage/kernel/lz4.as.ts'],
    origin: 'packages/storage/kernel/lz4.as.ts',
    module: 'packages/storage/src/lz4/lz4-kernel-bytes.ts',
    title: 'LZ4 in WebAssembly', constant: 'LZ4_KERNEL_BASE64',
  },
];

/** A path from the root as this machine names it. */
export function rootPath(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

/** For every module. The memory is imported, shared, and may reach 65,536 pages of 64 KiB. */
const FLAGS: readonly string[] = [
  '-O3', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--importMemory', '--sharedMemory',
  '--initialMemory', '1', '--maximumMemory', '65536',
];

const WASM_HEADER_BYTES = 8;
const SECTION_DATA = 11;
const BASE64_COLUMNS = 92;

/** A kernel's source, all of it. */
export async function readSources({ sources }: KernelFiles): Promise<string> {
  const texts: string[] = [];
  for (const source of sources) texts.push(await readFile(rootPath(source), 'utf8'));
  return texts.join('\n');
}

/** Compiles AssemblyScript source. @throws Error with the compiler's messages */
export async function compileKernel(source: string): Promise<Uint8Array> {
  return inNewFolder(async (folder) => {
    await writeFile(join(folder, 'kernel.ts'), source);
    return compileModule(folder, 'kernel.ts', ['--enable', 'simd,threads,bulk-memory']);
  });
}

/**
 * Compiles the module that a file of a folder is the entry of.
 * @param flags the compiler's, besides those of every module
 * @throws Error with the compiler's messages
 */
export async function compileModule(
  folder: string, entry: string, flags: readonly string[],
): Promise<Uint8Array> {
  return inNewFolder(async (outputFolder) => {
    const output = join(outputFolder, 'module.wasm');
    const stderr = asc.createMemoryStream();
    const args = [entry, ...FLAGS, ...flags, '--baseDir', folder, '-o', output];
    const { error } = await asc.main(args, { stderr });
    if (error !== null) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);
    const bytes = new Uint8Array(await readFile(output));
    if (sectionIds(bytes).includes(SECTION_DATA)) {
      throw new Error('the module has a data section: no strings, static arrays or Math tables');
    }
    return bytes;
  });
}

async function inNewFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'kora-kernel-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ids of the sections of a WebAssembly module, in order. */
export function sectionIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  let at = WASM_HEADER_BYTES;
  while (at < bytes.length) {
    ids.push(bytes[at] ?? 0);
    at++;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at] ?? 0;
      at++;
      length |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) break;
    }
    at += length;
  }
  return ids;
}

/** Bytes as base64, cut into lines. */
export function base64Lines(bytes: Uint8Array, columns: number): string[] {
  const base64 = Buffer.from(bytes).toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < base64.length; at += columns) lines.push(base64.slice(at, at + columns));
  return lines;
}

/** The generated module's text for these bytes. */
export function renderKernelModule(kernel: KernelFiles, bytes: Uint8Array): string {
  const lines = base64Lines(bytes, BASE64_COLUMNS).map((line) => `  '${line}'`);
  return [
    '/**',
    ` * Generated by tools/kernel from ${kernel.origin}. Do not edit.`,
    ` * ${kernel.title} as base64, so that it loads without a file on every platform.`,
    ' * A test compiles the source again and compares. To rewrite it after a build:',
    ' * `node tools/kernel/dist/build.js`.',
    ' */',
    `/** ${bytes.length} bytes of WebAssembly. */`,
    `export const ${kernel.constant} =`,
    `${lines.join(' +\n')};`,
    '',
  ].join('\n');
}

/** Compiles every kernel's sources and writes its module. */
export async function buildKernels(): Promise<void> {
  for (const kernel of kernels) {
    const bytes = await compileKernel(await readSources(kernel));
    await writeFile(rootPath(kernel.module), renderKernelModule(kernel, bytes));
  }
}

const isMain = process.argv[1] !== undefined
  && import.meta.url === pathToFileURL(process.argv[1]).href;
if (isMain) void buildKernels();
