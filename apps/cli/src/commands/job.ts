/** `triumvir job`: all that is about jobs, under one word. Each of these verbs is also a command of its own. */
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { addCancelCommand } from './cancel.js';
import { addEventsCommand } from './events.js';
import { addGetCommand } from './get.js';
import { addListCommand } from './list.js';
import { addLogsCommand } from './logs.js';
import { addSubmitCommand } from './submit.js';
import { addWaitCommand } from './wait.js';
import { addWhyCommand } from './why.js';

export const JOB_COMMANDS = [
  addSubmitCommand,
  addGetCommand,
  addListCommand,
  addLogsCommand,
  addWaitCommand,
  addEventsCommand,
  addWhyCommand,
  addCancelCommand,
] as const;

export function addJobCommand(program: Command, context: CommandContext): void {
  const job = program
    .command('job')
    .summary('all about jobs: submit, get, list, logs, wait, events, why, cancel')
    .description(
      'Jobs. Each of these is a command of its own too: `triumvir submit` is `triumvir job submit`.',
    );
  for (const add of JOB_COMMANDS) add(job, context);
}
