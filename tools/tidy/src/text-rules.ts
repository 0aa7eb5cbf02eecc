/**
 * Rules that look at one file's name and lines, without parsing it.
 * Limits: 500 lines need a reason (an exception), 800 are refused; tests may have 1,000; a line has
 * 100 columns, counted in code points. Data rows and tables get no discount: wrap them.
 */
import type { Offence, Rule } from './offence.ts';
import { isCode, isTest } from './tree.ts';
import type { TreeFile } from './tree.ts';

const linesWithoutReasonMax = 500;
const linesMax = 800;
const testLinesMax = 1000;
const columnsMax = 100;
const headerLinesMin = 3;
const headerLinesMax = 17;

const refusedStem = /^(.*-)?(utils?|helpers?|misc|part-?\d+)$|^common$/i;
// In pieces, so that this file does not offend against itself.
const unfinishedMark = new RegExp(
  [String.raw`\b(FIX`, String.raw`ME|X`, String.raw`XX)\b|\bTO`,
    String.raw`DO\b(?!\([\w-]+, #\d+\))`].join(''),
);
const refusedTest = new RegExp(
  String.raw`\b(describe|it|test|suite|bench)(\.\w+)*\.(only|skip|todo|skipIf|runIf|fails)\b` +
    String.raw`|\b[xf](it|describe|test)\(`,
);
// Where somebody's machine keeps the checkout is nobody else's business.
const workplacePath = /\/work\/|\/tmp\/bash/;

function lineRule(
  name: string,
  applies: (path: string) => boolean,
  problem: (line: string) => string | undefined,
): Rule {
  return {
    name,
    check(file) {
      if (!applies(file.path)) return [];
      const offences: Offence[] = [];
      file.text.split('\n').forEach((text, index) => {
        const message = problem(text);
        if (message !== undefined) {
          offences.push({ path: file.path, line: index + 1, rule: name, message });
        }
      });
      return offences;
    },
  };
}

function wholeFile(file: TreeFile, rule: string, message: string): Offence[] {
  return [{ path: file.path, line: 0, rule, message }];
}

const header: Rule = {
  name: 'header',
  check(file) {
    if (!isCode(file.path)) return [];
    const text = file.text.replace(/^#!.*\n/, '');
    const comment = /^\/\*[^]*?\*\//.exec(text)?.[0];
    if (comment === undefined) return wholeFile(file, 'header', 'opens without a block comment');
    const lineCount = comment.split('\n').length;
    if (lineCount >= headerLinesMin && lineCount <= headerLinesMax) return [];
    return wholeFile(
      file, 'header',
      `header comment has ${lineCount} lines, wanted ${headerLinesMin} to ${headerLinesMax}`,
    );
  },
};

const fileLength: Rule = {
  name: 'file-length',
  check(file) {
    if (!isCode(file.path)) return [];
    const lineCount = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
    if (isTest(file.path)) {
      if (lineCount <= testLinesMax) return [];
      return wholeFile(file, 'file-length', `${lineCount} lines, a test has ${testLinesMax}`);
    }
    if (lineCount <= linesWithoutReasonMax) return [];
    return wholeFile(file, 'file-length', `${lineCount} lines, give a reason or split by subject`);
  },
};

/** No exception helps here: two subjects share the file. */
const fileLengthHard: Rule = {
  name: 'file-length-hard',
  check(file) {
    if (!isCode(file.path) || isTest(file.path)) return [];
    const lineCount = file.text.split('\n').length - 1;
    if (lineCount <= linesMax) return [];
    return wholeFile(file, 'file-length-hard', `${lineCount} lines, the limit is ${linesMax}`);
  },
};

const fileName: Rule = {
  name: 'file-name',
  check(file) {
    if (!isCode(file.path)) return [];
    const name = file.path.slice(file.path.lastIndexOf('/') + 1);
    const stem = name.slice(0, name.indexOf('.'));
    if (refusedStem.test(stem)) {
      return wholeFile(file, 'file-name', 'says nothing; name the one thing inside');
    }
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) {
      return wholeFile(file, 'file-name', 'is not in kebab-case');
    }
    return [];
  },
};

/** Rules for single files, in the order they are reported. */
export const textRules: readonly Rule[] = [
  header,
  fileLength,
  fileLengthHard,
  fileName,
  lineRule('columns', isCode, (line) => {
    const columnCount = [...line].length;
    if (columnCount <= columnsMax) return undefined;
    return `${columnCount} columns, the limit is ${columnsMax}`;
  }),
  lineRule('unfinished', isCode, (line) =>
    unfinishedMark.test(line) ? 'a mark of unfinished work' : undefined),
  lineRule('focused-test', isTest, (line) =>
    refusedTest.test(line) ? 'a focused, skipped or planned test' : undefined),
  lineRule('workplace', () => true, (line) =>
    workplacePath.test(line) ? 'names a path of one machine' : undefined),
];
