/**
 * Runs what somebody else has written, such as the pattern of a schema that a worker announced, without letting it hold
 * up everybody: a few characters can make a regular expression, or a chain of references, compute for years.
 */
import { createContext, Script } from 'node:vm';

/** Thrown when the time is up. */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded';
}

// The time limit of a script holds for all that it calls, in whichever context that was made, regular expressions too.
const context = createContext({}) as { task?: () => void };
const callTask = new Script('task()');

/**
 * Costs some tens of microseconds by itself. The task is cut off wherever it is, so it must change nothing but its own.
 * @throws BudgetExceeded when the task takes longer than this, in milliseconds; else what the task throws
 */
export function withinBudget<Value>(budgetMs: number, task: () => Value): Value {
  let value: { readonly of: Value } | undefined;
  context.task = () => {
    value = { of: task() };
  };
  try {
    callTask.runInContext(context, { timeout: budgetMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      throw new BudgetExceeded(`not done within ${budgetMs} ms`);
    throw error;
  } finally {
    delete context.task;
  }
  if (value === undefined) throw new Error('the task was not run');
  return value.of;
}
