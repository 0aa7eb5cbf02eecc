/**
 * Finds, among many strings, those that another string begins with: a radix tree whose edges are
 * labelled with the characters that the strings below have in common.
 *
 *   "" ── "news." ─┬─ "sport" [value]
 *                  └─ "art"   [value]
 *
 * Invariants: labels of the edges of a node begin with different characters; a node without a value
 *   has two edges at least, but for the root.
 * Cost: O(length) a look and a change; a string that shares nothing costs one node.
 */

class Node<Value> {
  label: string;
  value: Value | undefined;
  /** By the first character of their labels. Null while there are none. */
  edges: Map<number, Node<Value>> | null = null;

  constructor(label: string, value: Value | undefined) {
    this.label = label;
    this.value = value;
  }
}

export class LiteralTrie<Value> {
  readonly #root = new Node<Value>('', undefined);

  /** True when it holds nothing. */
  get isEmpty(): boolean {
    return this.#root.value === undefined && this.#root.edges === null;
  }

  /** The value at `text`; `make` makes it when there is none. */
  ensure(text: string, make: () => Value): Value {
    let node = this.#root;
    let at = 0;
    while (at < text.length) {
      node.edges ??= new Map<number, Node<Value>>();
      const edge = node.edges.get(text.charCodeAt(at));
      if (edge === undefined) {
        const leaf = new Node<Value>(text.slice(at), undefined);
        node.edges.set(text.charCodeAt(at), leaf);
        node = leaf;
        break;
      }
      const common = commonLength(edge.label, text, at);
      node = common === edge.label.length ? edge : split(node, edge, common);
      at += common;
    }
    node.value ??= make();
    return node.value;
  }

  /** Forgets the value at `text`, which there is. */
  remove(text: string): void {
    const path: Node<Value>[] = [this.#root];
    let node = this.#root;
    for (let at = 0; at < text.length; at += node.label.length) {
      const next = node.edges?.get(text.charCodeAt(at));
      if (next === undefined) return;
      node = next;
      path.push(node);
    }
    node.value = undefined;
    const parent = path.at(-2);
    if (parent === undefined) return;
    tidy(parent, node);
    const grandparent = path.at(-3);
    if (grandparent !== undefined) tidy(grandparent, parent);
  }

  /** Calls `visit` with the values at all strings that `text` begins with, the shortest first. */
  forEachPrefixOf(text: string, visit: (value: Value) => void): void {
    let node: Node<Value> | undefined = this.#root;
    let at = 0;
    while (node !== undefined) {
      if (node.value !== undefined) visit(node.value);
      if (at === text.length) return;
      node = node.edges?.get(text.charCodeAt(at));
      if (node === undefined || !text.startsWith(node.label, at)) return;
      at += node.label.length;
    }
  }
}

/** Characters that `label` and `text` from `at` on have in common. */
function commonLength(label: string, text: string, at: number): number {
  const limit = Math.min(label.length, text.length - at);
  let common = 1;
  while (common < limit && label.charCodeAt(common) === text.charCodeAt(at + common)) common++;
  return common;
}

/** Puts a node between two, where the label of the lower one is cut. */
function split<Value>(above: Node<Value>, below: Node<Value>, at: number): Node<Value> {
  const between = new Node<Value>(below.label.slice(0, at), undefined);
  above.edges?.set(between.label.charCodeAt(0), between);
  below.label = below.label.slice(at);
  between.edges = new Map([[below.label.charCodeAt(0), below]]);
  return between;
}

/** A node below `parent` that may hold nothing any more goes, or becomes one with its only edge. */
function tidy<Value>(parent: Node<Value>, node: Node<Value>): void {
  if (node.value !== undefined) return;
  const key = node.label.charCodeAt(0);
  const only = node.edges?.size === 1 ? [...node.edges.values()][0] : undefined;
  if (node.edges === null) {
    parent.edges?.delete(key);
    if (parent.edges?.size === 0) parent.edges = null;
  } else if (only !== undefined) {
    only.label = node.label + only.label;
    parent.edges?.set(key, only);
  }
}
