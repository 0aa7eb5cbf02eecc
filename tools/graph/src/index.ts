/**
 * Who may import whom, read from the manifests, the project files and the sources, and compared.
 * graph.test.ts holds the laws and the drawing; this is what they are made from.
 */
export { drawGraph } from './drawing.ts';
export { readWorkspace } from './workspace.ts';
export type { Workspace, WorkspacePackage } from './workspace.ts';
export { findCycle, packageOfSpecifier, reachableFrom } from './edges.ts';
