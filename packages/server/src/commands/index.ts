/**
 * The door to the commands that only a server has (CLIENT, CONFIG REWRITE...), for whoever composes
 * an engine with them. Apart from the public door, so that a program that starts a server in other
 * threads does not load the whole engine in its own.
 */
export { serverCommands } from './server-commands.ts';
