/**
 * Fields of hashes whose time has come: whether they are still there is up to chance, as it is with
 * keys, so contents are compared without them. Reads the texts of value-contents.ts:
 *   a list is `length:element` and so on, with spaces between; a field with a deadline is a list
 *   of field, value and deadline
 */

/** The elements of a list as a text shows it; undefined when it is none. */
function elementsOf(text: string): string[] | undefined {
  const elements: string[] = [];
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at);
    const length = Number(text.slice(at, colon));
    if (colon < 0 || !Number.isInteger(length)) return undefined;
    elements.push(text.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length + 1;
  }
  return elements;
}

/** A hash without the fields that are due, in one form; empty when none is left. */
export function withoutDueFields(value: string, nowMs: number): string {
  const fields = elementsOf(value);
  if (fields === undefined) return value;
  const left: string[] = [];
  for (const each of fields) {
    const [field = '', text = '', deadline = '0'] = elementsOf(each) ?? [each];
    if (deadline !== '0' && Number(deadline) <= nowMs) continue;
    left.push(`${field}=${text} until ${deadline}`);
  }
  return left.sort().join(', ');
}
