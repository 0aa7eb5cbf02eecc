#!/usr/bin/env node
/**
 * The kora command. Everything is in ../dist/main.js, which a build makes; this file only starts
 * it, so that it can be executable without one.
 */
import { main } from '../dist/main.js';

main(process.argv.slice(2));
