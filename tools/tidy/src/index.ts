/**
 * Rules of the house that a program can check and a linter cannot: headers, sizes, names, marks of
 * unfinished work, and documents that tell the truth. Each rule is a pure function from a file to
 * offences; tidy.test.ts runs them over the tree, the other tests feed them bad examples.
 */
export { readTree } from './tree.ts';
export type { Tree, TreeFile } from './tree.ts';
export { architecturePaths, pathExists, singleTitle } from './document-rules.ts';
export { functionSizes } from './function-size.ts';
export { offencesOf, formatOffences } from './offence.ts';
export type { Exception, Offence, Rule } from './offence.ts';
export { textRules } from './text-rules.ts';
export { hotFilesWithoutTest } from './hot-siblings.ts';
export { koffiOutsideItsDoor } from './native-fence.ts';
