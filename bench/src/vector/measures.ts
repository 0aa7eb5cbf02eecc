/**
 * Measuring for the vector benchmark: CPU time of the process (the machine is shared), the best of
 * several passes, recall against a plain exact search, and times read off a curve at equal recall.
 * The data families are those of the package's tests (docs/internals/vector.md), made here again
 * from the same recipe, since a package's tests are not its public interface.
 */

/** CPU milliseconds of this process. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Least CPU microseconds for one of `count`, over `passes` passes. */
export function bestUs(passes: number, count: number, pass: () => void): number {
  let best = Infinity;
  for (let i = 0; i < passes; i++) {
    const from = cpuMs();
    pass();
    best = Math.min(best, (cpuMs() - from) * 1000 / count);
  }
  return best;
}

/** A seeded generator, xorshift. */
export function chance(seed: number): () => number {
  let s = (seed | 0) || 1;
  return () => {
    s ^= s << 13; s ^= s >>> 17; s ^= s << 5;
    return (s >>> 0) / 4294967296;
  };
}

/** Data and queries. */
export interface Family {
  readonly vectors: Float32Array[];
  readonly queries: Float32Array[];
}

const CENTRES = 200;
const LOCAL = 12;

/** `gaussian`: independent components. `clustered`: like embeddings. */
export function family(
  kind: 'clustered' | 'gaussian', dimension: number, count: number, queryCount: number, seed = 777,
): Family {
  const next = chance(seed);
  const gaussian = (): number =>
    Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
  const rows = (howMany: number, scale: number): Float32Array[] =>
    Array.from({ length: howMany }, () =>
      Float32Array.from({ length: dimension }, () => gaussian() * scale));
  let all: Float32Array[];
  if (kind === 'gaussian') all = rowsOf(count + queryCount, () => rows(1, 1)[0]);
  else {
    const shared = rows(Math.min(32, dimension), 1 / Math.sqrt(Math.min(32, dimension)));
    const locals = Array.from({ length: 16 }, () => rows(LOCAL, 1 / Math.sqrt(LOCAL)));
    const mix = (basis: readonly Float32Array[], scale: number, into: Float32Array): void => {
      for (const row of basis) {
        const z = gaussian() * scale;
        for (let d = 0; d < dimension; d++) into[d] = (into[d] ?? 0) + z * (row[d] ?? 0);
      }
    };
    const centres = rowsOf(CENTRES, () => {
      const centre = new Float32Array(dimension);
      mix(shared, 1, centre);
      return centre;
    });
    all = rowsOf(count + queryCount, () => {
      const c = Math.floor(next() * CENTRES);
      const vector = Float32Array.from(centres[c] ?? [], (x) => x + 0.1 * gaussian());
      mix(locals[c % 16] ?? [], 0.7, vector);
      return vector;
    });
  }
  return { vectors: all.slice(0, count), queries: all.slice(count) };
}

function rowsOf(count: number, make: () => Float32Array | undefined): Float32Array[] {
  return Array.from({ length: count }, () => make() ?? new Float32Array(0));
}

/** Positions of the k nearest by squared l2, one set a query. */
export function truthOf(data: Family, k: number): Set<number>[] {
  return data.queries.map((query) => {
    const best: { at: number; d: number }[] = [];
    for (const [at, vector] of data.vectors.entries()) {
      const bound = best.length < k ? Infinity : best[k - 1]?.d ?? Infinity;
      let d = 0;
      for (let i = 0; i < query.length; i += 8) {
        for (let j = i; j < i + 8 && j < query.length; j++) {
          const delta = (query[j] ?? 0) - (vector[j] ?? 0);
          d += delta * delta;
        }
        if (d >= bound) break;
      }
      if (d >= bound) continue;
      best.push({ at, d });
      best.sort((a, b) => a.d - b.d);
      best.length = Math.min(best.length, k);
    }
    return new Set(best.map(({ at }) => at));
  });
}

/** A point of a curve. */
export interface Point {
  readonly us: number;
  readonly recall: number;
}

/** Microseconds at a recall, read off between the two points around it; NaN when never reached. */
export function usAtRecall(points: readonly Point[], recall: number): number {
  const sorted = [...points].sort((a, b) => a.us - b.us);
  for (const [i, point] of sorted.entries()) {
    if (point.recall < recall) continue;
    const before = sorted[i - 1];
    if (before === undefined || point.recall === before.recall) return point.us;
    const part = (recall - before.recall) / (point.recall - before.recall);
    return before.us + (point.us - before.us) * part;
  }
  return NaN;
}
