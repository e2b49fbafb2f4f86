/**
 * Text for a terminal. Names and output come from other people's jobs: what is shown of them inside a table or a progress
 * line must not move the cursor, and must fit.
 */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
/** Colours a text, or leaves it as it is where colours are not wanted. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

// oxlint-disable-next-line no-control-regex -- control characters are just what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;

/** One harmless line: escape sequences gone, other control characters (line ends, tabs, text direction) as a space. */
export const oneLine = (text: string): string => stripVTControlCharacters(text).replace(CONTROL, ' ').trim();

/** The first line that is not blank, or ''. */
export function firstLine(text: string): string {
  for (const line of text.split('\n', 1_000)) {
    const shown = oneLine(line);
    if (shown !== '') return shown;
  }
  return '';
}

const ZERO_WIDTH = /^[\p{M}\p{Cf}]$/u;
const DOUBLE_WIDTH =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]$/u;

const characterWidth = (character: string): number =>
  ZERO_WIDTH.test(character) ? 0 : DOUBLE_WIDTH.test(character) ? 2 : 1;

const ASCII = /^[ -~]*$/;

/** Columns that an uncoloured text takes on a screen. */
export function textWidth(text: string): number {
  // Nearly every text; no need to look at each character.
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Cuts an uncoloured text to `columns`, with an ellipsis as the last of them. */
export function truncate(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return '';
  let kept = '';
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Fills an uncoloured text with spaces up to `columns`. */
export const pad = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - textWidth(text)));

const twoDigits = (value: number) => String(value).padStart(2, '0');

/** `85 ms`, `1.2 s`, `3m 05s`, `2h 10m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`;
  return `${Math.floor(seconds / 3_600)}h ${twoDigits(Math.floor((seconds % 3_600) / 60))}m`;
}

/** A moment in UTC and to the second, so that lines from different machines can be compared. */
export function formatMoment(iso: string | null): string {
  if (iso === null) return '-';
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? oneLine(iso) : `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
