/**
 * When a soak counts as flat: a leak shows in the last third, noise and a steep start do not.
 */
import { randomSource } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import type { SoakFigure, SoakSample } from './soak-samples.ts';
import { marginsFor, verdictsOf } from './soak-samples.ts';

const MIB = 2 ** 20;
const SAMPLES = 360;

/** Samples of half an hour with noise; `change` adds what is wrong. */
function soakOf(change: (sample: SoakSample, share: number) => Partial<SoakSample>): SoakSample[] {
  const random = randomSource(5);
  return Array.from({ length: SAMPLES }, (_, i) => {
    const sample: SoakSample = {
      atSeconds: i * 5, residentBytes: (100 + random.below(10)) * MIB,
      dataBytes: (8 + random.below(6)) * MIB, clients: 30 + random.below(6),
      descriptors: 50 + random.below(6), keys: 0, bufferBytes: MIB,
    };
    return { ...sample, ...change(sample, i / SAMPLES) };
  });
}

function notFlat(samples: readonly SoakSample[], seconds = 1800): SoakFigure[] {
  return verdictsOf(samples, marginsFor(seconds))
    .filter(({ isFlat }) => !isFlat).map(({ figure }) => figure);
}

describe('verdictsOf', () => {
  it('calls noise flat, and a steep start', () => {
    expect(notFlat(soakOf(() => ({})))).toEqual([]);
    const steep = soakOf(({ residentBytes }, share) => ({
      residentBytes: residentBytes * Math.min(1, 0.5 + share * 10),
    }));
    expect(notFlat(steep)).toEqual([]);
  });

  it('finds what grows', () => {
    expect(notFlat(soakOf(({ residentBytes }, share) => ({
      residentBytes: residentBytes + share * 80 * MIB,
    })))).toEqual(['residentBytes']);
    expect(notFlat(soakOf(({ dataBytes }, share) => ({
      dataBytes: dataBytes + share * 30 * MIB,
    })))).toEqual(['dataBytes']);
    expect(notFlat(soakOf(({ bufferBytes }, share) => ({
      bufferBytes: bufferBytes + share * 80 * MIB,
    })))).toEqual(['bufferBytes']);
    expect(notFlat(soakOf(({ descriptors, clients }, share) => ({
      descriptors: descriptors + share * 40, clients: clients + share * 40,
    })))).toEqual(['clients', 'descriptors']);
  });

  it('gives a short soak more room for memory, and no more for the rest', () => {
    const samples = soakOf(({ residentBytes, descriptors }, share) => ({
      residentBytes: residentBytes + share * 80 * MIB, descriptors: descriptors + share * 40,
    }));
    expect(notFlat(samples, 15)).toEqual(['descriptors']);
  });

  it('judges nothing from fewer than three samples', () => {
    expect(verdictsOf(soakOf(() => ({})).slice(0, 2), marginsFor(10))).toEqual([]);
  });
});
