/**
 * The committed facts equal what the reference server says today: nobody edited them by hand,
 * and the recorder still writes what it wrote. Needs redis-server 7.0.15 on the PATH.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { recordFacts } from './recorded-facts.ts';
import { askReference, REFERENCE_DIRECTORY } from './reference-questions.ts';

it('records the committed files again, byte for byte', async () => {
  const recorded = await askReference(recordFacts);
  expect([...recorded.keys()].sort()).toEqual(readdirSync(REFERENCE_DIRECTORY).sort());
  for (const [name, text] of recorded) {
    expect(text, name).toBe(readFileSync(path.join(REFERENCE_DIRECTORY, name), 'utf8'));
  }
});
