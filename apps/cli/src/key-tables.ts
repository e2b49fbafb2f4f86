/** API keys and the audit log as tables for people. */
import type { ApiKey, AuditEntry } from './answers.js';
import { renderTable, type TableStyle } from './tables.js';
import { formatMoment, oneLine } from './text.js';

export function keysTable(keys: readonly ApiKey[], style: TableStyle): string {
  return renderTable(
    ['ID', 'SCOPES', 'QUEUES', 'RATE', 'EXPIRES', 'LAST USED', 'STATE', 'NAME'],
    keys.map((key) => [
      key.id,
      key.scopes.join(','),
      key.queues.length === 0 ? 'all' : oneLine(key.queues.join(',')),
      key.rate ?? '-',
      key.expiresAt === null ? 'never' : formatMoment(key.expiresAt),
      key.lastUsedAt === null ? '-' : formatMoment(key.lastUsedAt),
      stateOf(key),
      oneLine(key.name),
    ]),
    style,
  );
}

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'usable';
}

export function auditTable(entries: readonly AuditEntry[], style: TableStyle): string {
  return renderTable(
    ['AT', 'WHO', 'FROM', 'ACTION', 'OUTCOME', 'TARGET'],
    entries.map(({ at, who, address, action, outcome, target }) => [
      formatMoment(at),
      oneLine(who),
      oneLine(address),
      oneLine(action),
      oneLine(outcome),
      oneLine(target),
    ]),
    style,
  );
}
