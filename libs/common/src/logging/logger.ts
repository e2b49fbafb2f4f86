/**
 * One winston logger per process: JSON lines for machines, coloured lines for a person at a terminal.
 * Messages are constant strings; what varies goes into fields: `log.info('job finished', { jobId, attempt })`.
 */
import winston, { type Logger } from 'winston';

export type { Logger };

export type LogFormat = 'json' | 'pretty';

export interface LoggerOptions {
  /** Name of the service, on every line. */
  readonly service: string;
  /** Id of this process among its siblings, on every line. */
  readonly instance: string;
  /** Least severe level that is written. */
  readonly level: string;
  readonly format: LogFormat;
}

/** Field names whose values never reach a log, however they got into one. */
const SECRET_FIELD = /password|secret|token|authorization|api-?key/i;
/** The password of a connection URL, wherever in a text it stands. */
const URL_PASSWORD = /(:\/\/[^:/?#\s]*):[^/?#\s]+@/g;
/** What lies deeper is left out, so that nothing unmasked gets by and a circle comes to an end. */
const MAX_DEPTH = 6;

/** Returns `value` with passwords in connection URLs and the values of secret-sounding fields masked. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replace(URL_PASSWORD, '$1:***@');
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth > MAX_DEPTH) return '[…]';
  if (value instanceof Error) return describeError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      SECRET_FIELD.test(key) && field !== undefined ? '***' : redact(field, depth + 1),
    ]),
  );
}

/** Errors do not survive JSON.stringify; this keeps what a reader needs: name, message, code, stack and cause. */
function describeError(error: Error, depth: number): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name: error.name,
    message: redact(error.message),
    ...(code === undefined ? {} : { code }),
    stack: redact(error.stack),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}

const redacted = winston.format((info) => {
  for (const [key, value] of Object.entries(info)) {
    if (key !== 'level') info[key] = SECRET_FIELD.test(key) ? '***' : redact(value);
  }
  return info;
});

const pretty = winston.format.printf(
  ({ timestamp, level, message, service, instance: _instance, ...fields }) => {
    const time = String(timestamp).slice(11, 23);
    const facts = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return [time, level, `[${String(service)}]`, String(message), ...facts].join(' ');
  },
);

export function createLogger(options: LoggerOptions): Logger {
  const base = [redacted(), winston.format.timestamp()];
  return winston.createLogger({
    level: options.level,
    defaultMeta: { service: options.service, instance: options.instance },
    format:
      options.format === 'pretty'
        ? winston.format.combine(...base, winston.format.colorize(), pretty)
        : winston.format.combine(...base, winston.format.json()),
    transports: [new winston.transports.Console()],
  });
}
