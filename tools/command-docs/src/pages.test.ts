/**
 * The pages as a whole: the committed files are what the table gives now, every command stands on
 * exactly one page and in the index, and no link leads nowhere.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandTable } from './command-table.ts';
import { anchorOf } from './markdown.ts';
import { commandPages, INDEX_FILE } from './pages.ts';
import { spokenName } from './syntax-line.ts';

const folder = new URL('../../../docs/commands/', import.meta.url);
const commands = commandTable();
const pages = commandPages(commands);

/** Headings of second level of a page. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading ?? '');
}

describe('docs/commands', () => {
  it('has the pages of the table and no others', () => {
    const committed = readdirSync(folder).sort();
    expect(committed, 'stale: run pnpm command-docs').toEqual([...pages.keys()].sort());
  });

  it.each([...pages.keys()])('%s is fresh', (name) => {
    const committed = readFileSync(new URL(name, folder), 'utf8');
    const isFresh = committed === pages.get(name);
    expect(isFresh, `docs/commands/${name} is stale: run pnpm command-docs`).toBe(true);
  });
});

describe('the pages', () => {
  it('show every command once', () => {
    const chapters = [...pages].filter(([name]) => name !== INDEX_FILE);
    const shown = chapters.flatMap(([, text]) => headingsOf(text)).sort();
    expect(shown).toEqual(commands.map(spokenName).sort());
  });

  it('link to what is there', () => {
    let linkCount = 0;
    for (const [name, text] of pages) {
      for (const [, file = '', anchor] of text.matchAll(/\]\(([\w.-]*\.md)?(?:#([^)]+))?\)/g)) {
        linkCount++;
        const target = pages.get(file === '' ? name : file);
        expect(target, `${name} links to ${file}`).toBeDefined();
        if (anchor === undefined) continue;
        expect(headingsOf(target ?? '').map(anchorOf), `${name}: ${file}`).toContain(anchor);
      }
    }
    expect(linkCount).toBeGreaterThan(commands.length);
  });

  it('are the same for the same table', () => {
    expect([...commandPages(commandTable())]).toEqual([...pages]);
  });

  it('hold all that an entry says', () => {
    const page = pages.get('string.md') ?? '';
    const [, section = ''] = /^## GETEX\n([^]*?)^## /m.exec(page) ?? [];
    expect(section).toContain('Returns the value of a string key');
    expect(section).toContain('- **Since:** 6.2.0\n');
    expect(section).toContain('- **Complexity:** O(1)');
    expect(section).toContain('`@write` `@string` `@fast`');
    expect(section).toContain('| `expiration` | one of `EX seconds` (integer), ');
    expect(section).toContain('- null: the key does not exist');
    expect(section).toContain('> GETEX session EX 60\n"x"\n> TTL session\n(integer) 60\n');
    expect(page).toContain('- 7.0.0: Allowed the `NX` and `GET` options to be used together.');
  });
});
