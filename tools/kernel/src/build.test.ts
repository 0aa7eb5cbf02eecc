/**
 * The committed kernels are those their sources say, and a kernel that would overwrite shared
 * memory is refused. Compiles a few times, about 2 s each.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  compileKernel, kernels, readSources, renderKernelModule, rootPath, sectionIds,
} from './build.ts';

describe('kernel build', () => {
  it.each(kernels)('gives the committed bytes again: $title', async (kernel) => {
    const bytes = await compileKernel(await readSources(kernel));
    expect(sectionIds(bytes)).not.toContain(11);
    const committed = await readFile(rootPath(kernel.module), 'utf8');
    expect(committed).toBe(renderKernelModule(kernel, bytes));
  }, 60_000);

  it('refuses a data section', async () => {
    const source = "export function at(i: i32): i32 { return 'static'.charCodeAt(i); }";
    await expect(compileKernel(source)).rejects.toThrow('data section');
  }, 60_000);

  it('reports what the compiler says', async () => {
    await expect(compileKernel('export function broken(: i32 {}')).rejects.toThrow('asc:');
  }, 60_000);
});
