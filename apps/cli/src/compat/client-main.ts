#!/usr/bin/env node
/** Starts the command line `triumvir-client`. */
import { runProgram } from '../run-program.js';
import { runClient } from './client.js';

await runProgram(runClient);
