#!/usr/bin/env node
/** Starts the command line `triumvir`. */
import { run } from './program.js';
import { runProgram } from './run-program.js';

await runProgram(run);
