/** What a command is told of the jobs that it depends on: a JSON text in its environment, as far as that has room. */
import type { Parent } from '#common/domain/workflow.js';

/** Linux takes 128 KiB in one variable. */
const MAX_BYTES = 96 * 1024;

/**
 * `JOB_PARENTS`: `[{"id", "name", "state", "result", "omitted"}, …]`. Results that make it too long are left out, and
 * marked; without parents, or with more than fit even so, there is no such variable.
 */
export function parentsVariable(parents: readonly Parent[]): { JOB_PARENTS?: string } {
  if (parents.length === 0) return {};
  const whole = parents.map(({ id, name, state, result, omitted }) => ({ id, name, state, result, omitted }));
  const cut = whole.map((parent) => ({
    ...parent,
    result: null,
    omitted: parent.result !== null || parent.omitted,
  }));
  const text = [whole, cut]
    .map((list) => JSON.stringify(list))
    .find((json) => Buffer.byteLength(json) <= MAX_BYTES);
  return text === undefined ? {} : { JOB_PARENTS: text };
}
