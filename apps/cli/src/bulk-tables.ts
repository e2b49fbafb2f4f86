/** Bulk operations as text and tables for people. */
import type { BulkOperation } from './answers.js';
import { renderTable, type TableStyle } from './tables.js';
import { formatMoment, oneLine, type Style } from './text.js';

const BULK_STYLE: Readonly<Record<BulkOperation['state'], Style>> = {
  running: 'cyan',
  done: 'green',
  cancelled: 'yellow',
  failed: 'red',
};

export function bulkTable(operations: readonly BulkOperation[], style: TableStyle): string {
  return renderTable(
    ['ID', 'ACTION', 'STATE', 'AT', 'DONE', 'SKIPPED', 'CREATED', 'FILTER'],
    operations.map(({ id, action, state, percent, done, skipped, createdAt, filter }) => [
      id,
      action,
      state,
      `${Math.floor(percent)} %`,
      String(done),
      String(Object.values(skipped).reduce((sum, count) => sum + count, 0)),
      formatMoment(createdAt),
      oneLine(JSON.stringify(filter)),
    ]),
    style,
    (cell, column, row) => {
      const state = column === 2 ? operations[row]?.state : undefined;
      return state === undefined ? cell : style.paint(BULK_STYLE[state], cell);
    },
  );
}

/** `1190 of 1200 cancelled; 10 skipped (10 ended)` */
export function bulkLine({ action, matched, done, skipped }: BulkOperation): string {
  const reasons = Object.entries(skipped).map(([reason, count]) => `${count} ${oneLine(reason)}`);
  const left = reasons.length === 0 ? '' : `; left alone: ${reasons.join(', ')}`;
  return `${done} of ${matched} ${PAST[action]}${left}`;
}

const PAST: Readonly<Record<BulkOperation['action'], string>> = {
  cancel: 'cancelled',
  retry: 'retried',
  delete: 'deleted',
  reprioritise: 'reprioritised',
};
