/**
 * Finds functions longer than 70 lines. Parses without types, so it costs milliseconds a file.
 * In tests the callbacks given to describe() and it() are not functions in this sense: they are
 * lists of examples. Named functions and methods there count as anywhere.
 */
import ts from 'typescript';
import type { Offence } from './offence.ts';
import { isTest } from './tree.ts';
import type { TreeFile } from './tree.ts';

const functionLinesMax = 70;

function nameOf(node: ts.SignatureDeclaration, source: ts.SourceFile): string {
  if (node.name !== undefined) return node.name.getText(source);
  if (ts.isVariableDeclaration(node.parent)) return node.parent.name.getText(source);
  return ts.isConstructorDeclaration(node) ? 'constructor' : 'a function without a name';
}

/** Offences of one TypeScript file against the limit. */
export function functionSizes(file: TreeFile): Offence[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const offences: Offence[] = [];
  const visit = (node: ts.Node): void => {
    const isMeasured =
      ts.isFunctionLike(node) && !(isTest(file.path) && ts.isCallExpression(node.parent));
    if (isMeasured) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const last = source.getLineAndCharacterOfPosition(node.end).line;
      const lineCount = last - first + 1;
      if (lineCount > functionLinesMax) {
        offences.push({
          path: file.path,
          line: first + 1,
          rule: 'function-size',
          message: `${nameOf(node, source)} has ${lineCount} lines, limit ${functionLinesMax}`,
        });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return offences;
}
