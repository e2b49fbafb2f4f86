/** `print`: writes a text to the log of the executor and to the job's output. */
import { z } from 'zod';
import { defineHandler } from './handler.js';

export default defineHandler({
  type: 'print',
  payload: z.strictObject({ text: z.string().max(10_000) }),
  run: ({ text }, { output }) => {
    output.out(`${text}\n`);
    return { printed: text.length };
  },
});
