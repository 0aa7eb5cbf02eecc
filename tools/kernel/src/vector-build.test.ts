/**
 * The committed vector engines are the ones their source says, and carry no data section. Compiles
 * both, about 4 s each.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sectionIds } from './build.ts';
import {
  compileVectorEngine, renderVectorModule, VECTOR_VARIANTS, vectorModulePath,
} from './vector-build.ts';

describe('vector engine build', () => {
  it.each(VECTOR_VARIANTS)('gives the committed bytes of $file again', async (variant) => {
    const bytes = await compileVectorEngine(variant);
    expect(sectionIds(bytes)).not.toContain(11);
    const committed = await readFile(vectorModulePath(variant), 'utf8');
    // toBe would print 45 KB on a difference.
    expect(committed === renderVectorModule(variant, bytes)).toBe(true);
  }, 120_000);
});
