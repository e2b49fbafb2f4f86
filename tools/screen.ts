/** What the make targets say: one line per step, coloured on a terminal only, and nothing that scrolls away by itself. */
import { styleText } from 'node:util';
import { ServerStartError } from './servers/server-process.js';

/** A fault that its message explains fully: it is shown without a stack. */
export class PlainError extends Error {
  override readonly name = 'PlainError';
}

type Style = Parameters<typeof styleText>[0];

const LABEL_WIDTH = 12;

let out: NodeJS.WriteStream = process.stdout;

/** Steps go to standard error from now on: standard output is for a program to read. */
export function keepStdoutClean(): void {
  out = process.stderr;
}

/** A step that is done, or a fact: `Redis       on 127.0.0.1:6379`. Further lines of the text are indented like the first. */
export function say(label: string, text: string): void {
  writeLine(out, label, text, 'green');
}

/** Something that needs no action but a look. */
export function warn(label: string, text: string): void {
  writeLine(out, label, text, 'yellow');
}

/** What is wrong, with a stack only where the message does not explain it. */
export function complain(fault: unknown): void {
  const explained = fault instanceof PlainError || fault instanceof ServerStartError;
  const text =
    fault instanceof Error ? (explained ? fault.message : (fault.stack ?? fault.message)) : String(fault);
  writeLine(process.stderr, 'Failed', text, 'red');
}

export function heading(text: string): void {
  out.write(`\n${paint('bold', text, out)}\n`);
}

function writeLine(stream: NodeJS.WriteStream, label: string, text: string, style: Style): void {
  const indented = text.replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH)}`);
  stream.write(`${paint(style, label.padEnd(LABEL_WIDTH - 1), stream)} ${indented}\n`);
}

function paint(style: Style, text: string, stream: NodeJS.WriteStream): string {
  const plain = !stream.isTTY || (process.env['NO_COLOR'] ?? '') !== '';
  return plain ? text : styleText(style, text);
}
