/**
 * All pages of docs/commands as texts: one for each group and the index. A function of the command
 * table alone, without a date or a version, so that the same table always gives the same bytes and
 * a test can hold the committed files against it.
 */
import type { Command } from '@kora/core';
import { commandSection } from './command-section.ts';
import type { Chapter } from './groups.ts';
import { chaptersOf } from './groups.ts';
import { anchorOf, prose, table } from './markdown.ts';
import { spokenName } from './syntax-line.ts';

/** The page that lists the others. */
export const INDEX_FILE = 'README.md';

const GENERATED =
  '<!-- Written by `pnpm command-docs` from the command table; edit the entries. -->';

/** Texts of all pages by file name. */
export function commandPages(commands: readonly Command[]): ReadonlyMap<string, string> {
  const chapters = chaptersOf(commands);
  const pages = new Map([[INDEX_FILE, indexPage(chapters, commands.length)]]);
  for (const chapter of chapters) pages.set(chapter.file, chapterPage(chapter));
  return pages;
}

function chapterPage({ title, commands }: Chapter): string {
  const head = [GENERATED, `# ${title}`, `[All commands](${INDEX_FILE})`];
  return `${[...head, ...commands.map(commandSection)].join('\n\n')}\n`;
}

function indexPage(chapters: readonly Chapter[], commandCount: number): string {
  const parts = [
    GENERATED,
    '# Commands',
    `Kora's ${commandCount} commands and subcommands, by group. *Since* names the version of` +
      ' Redis that first had the command, *History* what later versions changed. Examples run' +
      ' one after the other on an empty engine. Where Kora knowingly differs from Redis is told' +
      ' in [differences.md](../differences.md).',
  ];
  for (const { title, file, commands } of chapters) {
    const rows = commands.map((command) => {
      const name = spokenName(command);
      return [`[${name}](${file}#${anchorOf(name)})`, prose(command.definition.summary)];
    });
    parts.push(`## [${title}](${file})`, table(['Command', ''], rows));
  }
  return `${parts.join('\n\n')}\n`;
}
