/**
 * The few forms of GitHub's Markdown that the pages use. Text from entries passes through `prose`,
 * so that no `<word>` of a summary vanishes as a tag and no `*` turns italic.
 */

/** Running text: what Markdown would take for a sign is escaped, except inside `code`. */
export function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replace(/[\\*_<>|[\]]/g, '\\$&')))
    .join('');
}

/** Text as typed. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** A block as typed. */
export function fence(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

/** A table; a bar inside a cell, also in code, would end it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rowText = (cells: readonly string[]): string => {
    const escaped = cells.map((cell) => cell.replace(/(?<!\\)\|/g, '\\|'));
    return `| ${escaped.join(' | ')} |`.replace(/ +\|/g, ' |');
  };
  return [rowText(head), `|${'---|'.repeat(head.length)}`, ...rows.map(rowText)].join('\n');
}

/** The place of a heading as GitHub names it. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-');
}

/** Parts joined by blanks, broken before a part that would pass `columnsMax`. */
export function wrapParts(parts: readonly string[], columnsMax: number): string {
  const lines: string[] = [];
  let current = '';
  for (const part of parts) {
    if (current !== '' && current.length + 1 + part.length > columnsMax) {
      lines.push(current);
      current = `  ${part}`;
    } else {
      current = current === '' ? part : `${current} ${part}`;
    }
  }
  return [...lines, current].join('\n');
}
