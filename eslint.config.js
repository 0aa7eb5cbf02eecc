/**
 * What a linter can hold: types used honestly, no import cycles, and the fences of the house.
 *   core and protocol   no clock, chance, platform or network: those come in as arguments
 *   synchronous rooms   no promises or timers where one thread runs commands to completion
 *   arena               only worker-memory.ts makes views of shared memory: others go stale
 *   *.hot.ts            nothing that allocates per call
 * A later block replaces a rule's whole list, so each block below is built from the lists it needs.
 * tools/tidy/src/fences.test.ts lints a bad snippet for every one of them.
 */
import importX from 'eslint-plugin-import-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const tests = ['**/*.test.ts', '**/*.bench.ts', 'packages/*/reference/**/*.ts'];
const core = ['packages/kora-core/src/**/*.ts'];
const pure = [...core, 'packages/protocol/src/**/*.ts'];
const session = [
  'packages/server/src/session*.ts', 'packages/server/src/session/**/*.ts',
  'packages/server/src/worker.ts',
  'packages/server/src/requests.ts', 'packages/server/src/input.ts',
  'packages/server/src/shard-room.ts', 'packages/server/src/shard-thread.ts',
  'packages/server/src/listeners.ts', 'packages/server/src/thread-messages.ts',
  'packages/server/src/limits.ts', 'packages/server/src/resp-sink.ts',
  'packages/server/src/commands/**/*.ts',
];
const hot = ['**/*.hot.ts'];

const refuse = (message, ...selectors) => selectors.map((selector) => ({ selector, message }));

/** Everywhere: one way to export, and nothing that types cannot be stripped from. */
const generalSyntax = [
  ...refuse('Name what you export.', 'ExportAllDeclaration'),
  ...refuse('Export by name; there are no default exports.', 'ExportDefaultDeclaration'),
  ...refuse('Use a frozen object `as const` or plain constants.', 'TSEnumDeclaration'),
];

/** Arena views go stale when the memory grows; worker-memory.ts owns the ones that are kept. */
const arenaSyntax = refuse(
  'Views of the arena belong to worker-memory.ts; use the ones it holds.',
  'NewExpression[callee.name=/^(Uint8Array|DataView)$/] > .arguments:first-child' +
    '[property.name="buffer"]',
  'NewExpression[callee.name=/^(Uint8Array|DataView)$/]' +
    ' > .arguments:first-child MemberExpression[property.name="buffer"]',
);

/** A command runs to completion on one thread: nothing may wait, nothing may come back later. */
const synchronousSyntax = refuse(
  'This code runs to completion: no promises, no waiting.',
  ':function[async=true]',
  'AwaitExpression',
  'ForOfStatement[await=true]',
  'TSTypeReference[typeName.name=/^(Promise|PromiseLike|AsyncIterable|AsyncIterator)$/]',
);

const hotSyntax = [
  ...refuse(
    'A hot file creates no functions while it runs.',
    'ArrowFunctionExpression',
    'FunctionExpression:not(MethodDefinition > FunctionExpression)',
    ':function FunctionDeclaration',
    'ClassExpression',
  ),
  ...refuse(
    'A hot file allocates nothing per call.',
    'SpreadElement',
    'RestElement',
    ':matches(ObjectPattern, ArrayPattern)',
    'TemplateLiteral',
    ':function :matches(ObjectExpression, ArrayExpression)',
    ':function NewExpression:not(MethodDefinition[kind="constructor"] NewExpression)',
    'CallExpression[callee.property.name=' +
      '/^(subarray|slice|map|filter|forEach|concat|bind|split|entries|toString)$/]',
  ),
  ...refuse('A hot file loops by index.', ':matches(ForOfStatement, ForInStatement)'),
  ...refuse(
    'A hot file is plain synchronous code.',
    'TryStatement',
    ':function[async=true]',
    ':function[generator=true]',
    'AwaitExpression',
    'VariableDeclaration[kind=/using/]',
  ),
  ...refuse(
    'A hot file keeps shapes stable.',
    'UnaryExpression[operator="delete"]',
    'Identifier[name="arguments"]',
  ),
];

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const ambient = [
  ...timers, 'clearTimeout', 'clearInterval', 'clearImmediate', 'Promise', 'fetch',
  'XMLHttpRequest', 'WebSocket', 'EventSource', 'Worker', 'SharedWorker', 'MessageChannel',
  'BroadcastChannel', 'performance', 'crypto', 'process', 'Buffer', 'console', 'navigator',
  'location', 'self', 'globalThis', 'indexedDB', 'caches', 'Request', 'Response',
  'importScripts', 'postMessage', 'requestAnimationFrame', 'reportError',
];
const ambientRule = [
  'error',
  ...ambient.map((name) => ({ name, message: 'Time, chance and the outside come as arguments.' })),
];
const chanceRule = [
  'error',
  { object: 'Date', property: 'now', message: 'Take the time as an argument (clock.ts).' },
  { object: 'Math', property: 'random', message: 'Take a generator as an argument (prng.ts).' },
];
const dateSyntax = refuse('Take the time as an argument.', 'NewExpression[callee.name="Date"]');
const pureSyntax = [...generalSyntax, ...dateSyntax];
const coreSyntax = [...pureSyntax, ...arenaSyntax, ...synchronousSyntax];
const sessionSyntax = [...generalSyntax, ...synchronousSyntax];

/** `no-restricted-syntax` for these files, with the hot list added for the hot ones among them. */
const syntaxFence = (files, list) => [
  {
    files,
    ignores: [...tests, ...hot],
    rules: { 'no-restricted-syntax': ['error', ...list] },
  },
  {
    files: files.map((glob) => glob.replace(/\.ts$/, '.hot.ts')),
    rules: { 'no-restricted-syntax': ['error', ...list, ...hotSyntax] },
  },
];

export default defineConfig(
  globalIgnores(['**/dist/**', '**/node_modules/**', '**/*.as.ts', 'tools/*/fixtures/**']),
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: {
        project: [
          'packages/*/tsconfig.json', 'packages/*/tsconfig.test.json',
          'tools/*/tsconfig.json', 'tools/*/tsconfig.test.json',
          'bench/tsconfig.json', 'bench/tsconfig.test.json', 'tsconfig.root.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    settings: {
      // Without these two no-cycle passes every cycle in silence.
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-self-import': 'error',
      'import-x/no-duplicates': 'error',
      'no-restricted-syntax': ['error', ...generalSyntax],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error', { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error', { considerDefaultExhaustiveForUnions: true },
      ],
      // An interface may ask for a promise that one implementation has no reason to wait for.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-param-reassign': 'off',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  { files: ['packages/*/src/**/*.ts'], rules: {
    'no-restricted-imports': ['error', { patterns: [
      { group: ['@kora/*/src/*', '@kora/*/dist/*'], message: 'Import a package by its name.' },
    ] }],
  } },
  {
    files: pure,
    ignores: tests,
    rules: {
      'no-restricted-properties': chanceRule,
      'no-restricted-globals': ambientRule,
      'no-restricted-imports': ['error', { patterns: [
        { group: ['node:*', '@kora/*'], message: 'This package imports nothing.' },
        { regex: '^[^.]', message: 'This package imports nothing.' },
      ] }],
    },
  },
  {
    files: session,
    ignores: tests,
    rules: {
      'no-restricted-globals': [
        'error',
        ...[...timers, 'Promise'].map((name) => ({
          name, message: 'A session runs to completion: no promises, no timers.',
        })),
      ],
      'no-restricted-imports': ['error', { patterns: [
        { group: ['node:timers', 'node:timers/*', 'timers', 'node:*/promises', '*/promises'],
          message: 'A session runs to completion: no promises, no timers.' },
      ] }],
    },
  },
  { files: hot, rules: { 'no-restricted-syntax': ['error', ...generalSyntax, ...hotSyntax] } },
  ...syntaxFence(['packages/protocol/src/**/*.ts'], pureSyntax),
  ...syntaxFence(core, coreSyntax),
  { // The one place that may look at the memory's buffer.
    files: ['packages/kora-core/src/**/worker-memory.ts'],
    rules: { 'no-restricted-syntax': ['error', ...pureSyntax, ...synchronousSyntax] },
  },
  ...syntaxFence(session, sessionSyntax),
  { files: hot, rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    files: [...tests, '**/testing/**'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  // Programs people run from a terminal talk through the console.
  { files: ['packages/cli/src/**/*.ts', 'tools/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' } },
  // A configuration file is what its tool's default export.
  { files: ['vitest*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
