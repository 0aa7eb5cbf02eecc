/**
 * Public door of @kora/cli: the kora command as a function, for programs that start it themselves.
 */
export { main } from './main.ts';
