#!/usr/bin/env node
/** Starts `triumvir-webui`. */
import { runProgram } from '../run-program.js';
import { runWebUi } from './web-ui.js';

await runProgram(runWebUi);
