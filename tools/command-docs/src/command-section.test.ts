/**
 * Sections, syntax lines and the forms of Markdown, on entries made for it: each holds a shape of
 * the grammar or a sign that would break a page.
 */
import { arg, CommandRegistry, defineCommand, defineContainer, Flag, reply } from '@kora/core';
import type { Command, CommandDefinition, Leaf } from '@kora/core';
import { describe, expect, it } from 'vitest';
import { commandSection } from './command-section.ts';
import { anchorOf, prose, table, wrapParts } from './markdown.ts';
import { syntaxParts } from './syntax-line.ts';

type Entry = Parameters<typeof defineCommand>[0];

/** An entry of no importance with these fields. */
function entryOf(fields: Partial<Entry> & { readonly arity: number }): Command {
  return defineCommand({
    name: 'TEST', group: 'generic', since: '1.0.0', summary: 'For a test.', complexity: 'O(1)',
    flags: Flag.Fast, acl: [], keys: [], args: {}, reply: reply.ok(), examples: [],
    apply: () => undefined,
    ...fields,
  });
}

function syntaxOf(arity: number, args: CommandDefinition<Record<string, Leaf>>['args']): string {
  return syntaxParts(entryOf({ arity, args })).join(' ');
}

describe('syntaxParts', () => {
  it('shows every shape of an argument', () => {
    expect(syntaxOf(1, {})).toBe('TEST');
    expect(syntaxOf(-2, { key: arg.key().repeated() })).toBe('TEST key [key ...]');
    expect(syntaxOf(-1, { sectionName: arg.bytes().repeated().optional() })).toBe(
      'TEST [section-name [section-name ...]]',
    );
    expect(syntaxOf(-2, { key: arg.key(), count: arg.integer('COUNT').optional() })).toBe(
      'TEST key [COUNT count]',
    );
    expect(syntaxOf(-1, { id: arg.bytes('ID').repeated().optional() })).toBe(
      'TEST [ID id [ID id ...]]',
    );
    expect(syntaxOf(-1, {
      id: arg.bytes('ID').repeated().optional().documented({ hasTokenOnce: true }),
    })).toBe('TEST [ID id [id ...]]');
    expect(syntaxOf(-1, { by: arg.oneOf('SUM', 'MIN').after('BY').optional() })).toBe(
      'TEST [BY <SUM | MIN>]',
    );
    expect(syntaxOf(-1, { force: arg.token('FORCE').optional() })).toBe('TEST [FORCE]');
    expect(syntaxOf(2, { mode: arg.oneOf('ON', 'OFF') })).toBe('TEST <ON | OFF>');
    expect(syntaxOf(-1, {
      end: arg.oneOf({ seconds: arg.integer('EX'), keep: arg.token('KEEPTTL') }).optional(),
    })).toBe('TEST [EX seconds | KEEPTTL]');
    expect(syntaxOf(-3, { pairs: arg.repeat({ field: arg.bytes(), value: arg.bytes() }) })).toBe(
      'TEST field value [field value ...]',
    );
    expect(syntaxOf(-1, {
      target: arg.block({ host: arg.bytes(), port: arg.integer() }, 'TO').optional(),
    })).toBe('TEST [TO host port]');
  });
});

describe('what COMMAND DOCS tells', () => {
  const told = entryOf({
    arity: -2, args: { rest: arg.bytes().repeated() },
    documentedArgs: [
      ['key', arg.key()], ['ttlMs', arg.integer().optional().documented({ since: '2.0.0' })],
      ['key', arg.key('STORE').optional().documented({ name: 'target' })],
    ],
    deprecated: { since: '3.0.0', replacedBy: '`OTHER`' },
  });

  it('is what a page shows', () => {
    expect(syntaxParts(told).join(' ')).toBe('TEST key [ttl-ms] [STORE target]');
    const section = commandSection(told);
    expect(section).toContain('| `ttl-ms` | integer | optional, since 2.0.0 |');
    expect(section).toContain('- **Deprecated since:** 3.0.0, replaced by `OTHER`');
  });

  it('leaves a page what is parsed, where it tells of no argument', () => {
    const silent = entryOf({ arity: 2, args: { word: arg.bytes() }, documentedArgs: [] });
    expect(syntaxParts(silent).join(' ')).toBe('TEST word');
  });
});

describe('commandSection', () => {
  it('is all of an entry, in order', () => {
    const section = commandSection(entryOf({
      arity: -2,
      args: { key: arg.key(), mode: arg.oneOf('A', 'B').optional() },
      acl: ['keyspace'],
      reply: [...reply.integer('how <many>'), ...reply.null('none')],
      examples: [['TEST k', ':1']],
      history: [['2.0.0', 'Added `A|B`.']],
    }));
    expect(section).toBe(`## TEST

For a test.

\`\`\`text
TEST key [A | B]
\`\`\`

- **Complexity:** O(1)
- **Since:** 1.0.0
- **ACL categories:** \`@keyspace\` \`@fast\`
- **Flags:** \`fast\`

| Argument | Type | |
|---|---|---|
| \`key\` | key | |
| \`mode\` | one of \`A\`, \`B\` | optional |

**Reply**

- integer: how \\<many\\>
- null: none

**Examples**

\`\`\`text
> TEST k
(integer) 1
\`\`\`

**History**

- 2.0.0: Added \`A|B\`.`);
  });

  it('links a container to its subcommands, whose replies are theirs', () => {
    const container = defineContainer({
      name: 'BOX', group: 'server', since: '1.0.0', summary: 'About boxes.',
    });
    const names = ['BOX|OPEN', 'BOX|LID-OFF'];
    const registry = new CommandRegistry();
    registry.add([container, ...names.map((name) => entryOf({ name, arity: 2 }))]);
    const section = commandSection(registry.commands[0] ?? container);
    expect(section).toContain('BOX subcommand ...');
    expect(section).toContain(
      '**Subcommands:** [BOX LID-OFF](#box-lid-off), [BOX OPEN](#box-open)',
    );
    expect(section).not.toContain('**Reply**');
    expect(section).not.toContain('| Argument');
  });
});

describe('markdown', () => {
  it('escapes what is a sign, except in code', () => {
    expect(prose('<a> *b* c_d [e] | `<f> *g*` \\')).toBe(
      '\\<a\\> \\*b\\* c\\_d \\[e\\] \\| `<f> *g*` \\\\',
    );
  });
  it('keeps bars inside their cells', () => {
    expect(table(['a', ''], [['`x | y`', ''], ['z \\| w', 'v']])).toBe(
      '| a | |\n|---|---|\n| `x \\| y` | |\n| z \\| w | v |',
    );
  });
  it('names anchors as GitHub does', () => {
    expect(anchorOf('MEMORY MALLOC-STATS')).toBe('memory-malloc-stats');
  });
  it('breaks long lines between parts only', () => {
    expect(wrapParts(['AB', 'CD', '[E | F]', 'G'], 8)).toBe('AB CD\n  [E | F]\n  G');
    expect(wrapParts(['much-longer-than-that'], 8)).toBe('much-longer-than-that');
  });
});
