/**
 * The committed kernel is the one its source says, and a kernel that would overwrite shared memory
 * is refused. Compiles twice, about 2 s each.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  compileKernel, KERNEL_MODULE_PATH, KERNEL_SOURCE_PATH, renderKernelModule, sectionIds,
} from './build.ts';

describe('kernel build', () => {
  it('gives the committed bytes again', async () => {
    const bytes = await compileKernel(await readFile(KERNEL_SOURCE_PATH, 'utf8'));
    expect(sectionIds(bytes)).not.toContain(11);
    expect(await readFile(KERNEL_MODULE_PATH, 'utf8')).toBe(renderKernelModule(bytes));
  }, 60_000);

  it('refuses a data section', async () => {
    const source = "export function at(i: i32): i32 { return 'static'.charCodeAt(i); }";
    await expect(compileKernel(source)).rejects.toThrow('data section');
  }, 60_000);

  it('reports what the compiler says', async () => {
    await expect(compileKernel('export function broken(: i32 {}')).rejects.toThrow('asc:');
  }, 60_000);
});
