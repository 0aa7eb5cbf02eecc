/**
 * Questions about a directed graph of names: cycles, reachability, and which package an import
 * specifier means. The graph has a dozen nodes; nothing here needs to be clever.
 */

/** For each package the packages it depends on. */
export type Edges = ReadonlyMap<string, readonly string[]>;

/** All packages reachable from `start`, without `start` itself unless a cycle leads back to it. */
export function reachableFrom(edges: Edges, start: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [...(edges.get(start) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(edges.get(next) ?? []));
  }
  return reached;
}

/** The first package, in the map's order, that depends on itself through others. */
export function findCycle(edges: Edges): string | undefined {
  return [...edges.keys()].find((name) => reachableFrom(edges, name).has(name));
}

/** The package a specifier names: `@kora/core/testing` → `@kora/core`; undefined for relative. */
export function packageOfSpecifier(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('/')) return undefined;
  if (specifier.startsWith('node:')) return 'node:';
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
