/**
 * Draws the packages as floors: whoever builds on the engine from left to right, each floor as far
 * from the engine as its longest path; below, packages that stand beside it, hanging from those
 * that use them, or alone. A floor of several is written `{ a, b }`. The drawing stands in
 * ARCHITECTURE.md and in a snapshot, so a new edge shows up as a changed picture.
 */
import { reachableFrom } from './edges.ts';
import type { Edges } from './edges.ts';

const arrow = ' ─▶ ';

/** Longest path from `name` down to `ground`, in edges. */
function heightOf(edges: Edges, ground: string, name: string): number {
  if (name === ground) return 0;
  const below = (edges.get(name) ?? []).filter(
    (next) => next === ground || reachableFrom(edges, next).has(ground),
  );
  return 1 + Math.max(...below.map((next) => heightOf(edges, ground, next)));
}

/** A line for a package beside the engine: `└──┴──▶ name`, corners under those who use it. */
function branchLine(name: string, columns: readonly number[]): string {
  const [first = 0, ...others] = columns;
  const last = others.at(-1) ?? first;
  let line = `${' '.repeat(first)}└`;
  for (let column = first + 1; column <= last; column++) {
    line += others.includes(column) ? '┴' : '─';
  }
  return `${line}─────▶ ${name}`;
}

/** The drawing of an acyclic graph whose engine is `ground`, without a line end. */
export function drawGraph(edges: Edges, ground: string): string {
  const floors: string[][] = [];
  const besides: string[] = [];
  for (const name of edges.keys()) {
    if (name !== ground && !reachableFrom(edges, name).has(ground)) besides.push(name);
    else (floors[heightOf(edges, ground, name)] ??= []).push(name);
  }
  const columnOf = new Map<string, number>();
  let spine = '';
  for (const floor of floors.reverse()) {
    if (spine !== '') spine += arrow;
    for (const name of floor) columnOf.set(name, spine.length + 2);
    spine += floor.length === 1 ? floor[0] : `{ ${floor.sort().join(', ')} }`;
  }
  const branches = besides.sort().map((name) => {
    const users = [...columnOf].filter(([user]) => edges.get(user)?.includes(name));
    if (users.length === 0) return name;
    return branchLine(name, users.map(([, column]) => column).sort((a, b) => a - b));
  });
  return [spine, ...branches].join('\n');
}
