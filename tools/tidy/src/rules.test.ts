/**
 * Proves tidy's rules on small files: each bad one is an offence of its rule and no other, a good
 * file is none. Marks that tidy refuses are written in pieces here, since it reads this file too.
 */
import { describe, expect, it } from 'vitest';
import { architecturePaths, pathExists, singleTitle } from './document-rules.ts';
import { functionSizes } from './function-size.ts';
import { hotFilesWithoutTest } from './hot-siblings.ts';
import { koffiOutsideItsDoor } from './native-fence.ts';
import { formatOffences, offencesOf } from './offence.ts';
import { textRules } from './text-rules.ts';
import type { Tree } from './tree.ts';

const head = '/**\n * Why this file exists.\n */\n';
const code = 'packages/x/src/ring.ts';
const test = 'packages/x/src/ring.test.ts';

function brokenRules(path: string, text: string): string[] {
  const found = textRules.flatMap((rule) => rule.check({ path, text }));
  return [...new Set(found.map((offence) => offence.rule))];
}

function treeOf(...paths: string[]): Tree {
  return { files: paths.map((path) => ({ path, text: '' })) };
}

describe('text rules', () => {
  const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['a good file', code, `${head}export const a = 1;\n`, []],
    ['a program with a shebang', 'packages/x/bin/x.js', `#!/usr/bin/env node\n${head}`, []],
    ['no header', code, 'export const a = 1;\n', ['header']],
    ['a line comment as header', code, '// Why.\n', ['header']],
    ['a header of one line', code, '/** Why. */\n', ['header']],
    ['a header of forty lines', code, `/**\n${' *\n'.repeat(40)} */\n`, ['header']],
    ['501 lines', code, head + '\n'.repeat(498), ['file-length']],
    ['500 lines', code, head + '\n'.repeat(497), []],
    ['900 lines', code, head + '\n'.repeat(897), ['file-length', 'file-length-hard']],
    ['a test of 1,000 lines', test, head + '\n'.repeat(997), []],
    ['a test of 1,001 lines', test, head + '\n'.repeat(998), ['file-length']],
    ['101 columns', code, `${head}//${'x'.repeat(99)}\n`, ['columns']],
    ['100 columns of wide letters', code, `${head}//${'é😀'.repeat(49)}\n`, []],
    ['a name that says nothing', 'packages/x/src/utils.ts', head, ['file-name']],
    ['a name that hides it', 'packages/x/src/string-helpers.ts', head, ['file-name']],
    ['a name that goes on', 'packages/x/src/ring-part2.ts', head, ['file-name']],
    ['a subject with common in it', 'packages/x/src/common-prefix.ts', head, []],
    ['camel case', 'packages/x/src/ringBuffer.ts', head, ['file-name']],
    ['a mark to mend', code, `${head}// FIX${'ME later\n'}`, ['unfinished']],
    ['a bare plan', code, `${head}// TO${'DO later\n'}`, ['unfinished']],
    ['a plan with an issue', code, `${head}// TO${'DO(ada, #12): widen\n'}`, []],
    ['a focused test', test, `${head}it.on${'ly("a", f);\n'}`, ['focused-test']],
    ['a skipped group', test, `${head}describe.sk${'ip("a", f);\n'}`, ['focused-test']],
    ['a planned test', test, `${head}test.to${'do("a");\n'}`, ['focused-test']],
    ['a condition on a test', test, `${head}it.sk${'ipIf(x)("a", f);\n'}`, ['focused-test']],
    ['a word that looks like one', code, `${head}cursor.skip(4);\n`, []],
    ["somebody's path", 'README.md', `# A\nSee /wo${'rk/main\n'}`, ['workplace']],
  ];
  for (const [title, path, text, rules] of cases) {
    it(title, () => {
      expect(brokenRules(path, text)).toEqual(rules);
    });
  }
});

describe('function size', () => {
  const longBody = 'f();\n'.repeat(70);
  it('measures functions, methods and arrows', () => {
    const text = `function a() {\n${longBody}}\nconst b = () => {\n${longBody}};\n` +
      `class C { constructor() {\n${longBody}} d() {\n${longBody}} }\n`;
    expect(functionSizes({ path: code, text }).map((offence) => offence.message)).toEqual([
      'a has 72 lines, limit 70', 'b has 72 lines, limit 70',
      'constructor has 72 lines, limit 70', 'd has 72 lines, limit 70',
    ]);
  });
  it('lets a list of examples be long, and nothing else in a test', () => {
    const text = `describe('x', () => {\n${longBody}});\nfunction a() {\n${longBody}}\n`;
    expect(functionSizes({ path: test, text })).toHaveLength(1);
    expect(functionSizes({ path: code, text })).toHaveLength(2);
  });
  it('allows 70 lines', () => {
    const text = `function a() {\n${'f();\n'.repeat(68)}}\n`;
    expect(functionSizes({ path: code, text })).toEqual([]);
  });
});

describe('hot siblings', () => {
  it('wants a test beside a hot file', () => {
    const tree = treeOf('a/x.hot.ts', 'a/y.hot.ts', 'a/y.test.ts', 'a/z.hot.ts', 'b/z.test.ts');
    expect(hotFilesWithoutTest(tree).map((offence) => offence.path)).toEqual([
      'a/x.hot.ts', 'a/z.hot.ts',
    ]);
  });
});

describe('the native fence', () => {
  it('lets one file load koffi', () => {
    const door = 'packages/server/src/io/native/libc.ts';
    const load = `const koffi = require('koffi');\n`;
    const files = [door, 'packages/server/src/worker.ts', 'packages/cli/bin/kora.js', 'a.md']
      .map((path) => ({ path, text: load }));
    expect(koffiOutsideItsDoor({ files }).map(({ path, line }) => `${path}:${line}`)).toEqual([
      'packages/server/src/worker.ts:1', 'packages/cli/bin/kora.js:1',
    ]);
  });
});

describe('documents', () => {
  it('have one title, not counting comments in code', () => {
    const good = '# Title\n```sh\n# a comment\n```\n## Part\n';
    expect(singleTitle({ path: 'README.md', text: good })).toEqual([]);
    expect(singleTitle({ path: 'README.md', text: `${good}# Second\n` })).toHaveLength(1);
    expect(singleTitle({ path: 'README.md', text: 'text\n' })).toHaveLength(1);
    expect(singleTitle({ path: '.changeset/new.md', text: 'text\n' })).toEqual([]);
  });
  it('name paths in code spans and links', () => {
    const text = 'From `server/session.ts` to [it](docs/a.md#part), `x + y`, `GET`, `bench/`.\n' +
      '```\n`inside/fence.ts`\n```\n';
    expect(architecturePaths(text)).toEqual([
      [1, 'server/session.ts'], [1, 'docs/a.md'], [1, 'bench/'],
    ]);
  });
  it('may name a path from the root, the package or its end', () => {
    const tree = treeOf('packages/kora-core/src/keyspace/commit.ts', 'docs/a.md');
    for (const path of [
      'packages/kora-core/src/keyspace/commit.ts', 'core/keyspace/commit.ts', 'keyspace/commit.ts',
      'commit.ts', 'docs/', 'keyspace/', 'docs/a.md',
    ]) {
      expect(pathExists(tree, path), path).toBe(true);
    }
    for (const path of ['mmit.ts', 'core/commit.ts', 'space/', 'docs/b.md']) {
      expect(pathExists(tree, path), path).toBe(false);
    }
  });
});

describe('exceptions', () => {
  const offence = { path: code, line: 3, rule: 'columns', message: '120 columns' };
  it('excuse what they name, file or folder, and only that rule', () => {
    const reason = 'a table';
    for (const path of [code, 'packages/x/']) {
      expect(offencesOf([offence], 'columns', [{ path, rule: 'columns', reason }])).toEqual([]);
    }
    const other = [{ path: code, rule: 'header', reason }];
    expect(offencesOf([offence], 'columns', other)).toEqual([offence]);
  });
  it('are offences themselves when nothing needs them', () => {
    const stale = [{ path: 'packages/y/', rule: 'columns', reason: 'a table' }];
    expect(formatOffences(offencesOf([offence], 'columns', stale))).toBe(
      `${code}:3: 120 columns\n` +
        'packages/y/: the exception for it excuses nothing; remove it',
    );
  });
});
