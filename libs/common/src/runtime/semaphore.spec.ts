import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Semaphore } from './semaphore.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('as many as there is room for enter at once; the next waits until one leaves', async () => {
  const semaphore = new Semaphore(2);
  const leaveFirst = await semaphore.acquire();
  await semaphore.acquire();
  let entered = false;
  const third = semaphore.acquire().then((leave) => {
    entered = true;
    return leave;
  });
  await nextTurn();
  expect(entered).toBe(false);
  expect(semaphore.used).toBe(2);
  leaveFirst();
  await third;
  expect(semaphore.used).toBe(2);
});

test('those who wait enter in the order of their arrival, and nobody overtakes them', async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  const leave = await semaphore.acquire();
  const waiting = ['first', 'second'].map(async (name) => {
    const leaveAgain = await semaphore.acquire();
    order.push(name);
    leaveAgain();
  });
  leave();
  const late = semaphore.acquire().then((leaveAgain) => {
    order.push('late');
    leaveAgain();
  });
  await Promise.all([...waiting, late]);
  expect(order).toEqual(['first', 'second', 'late']);
});

test('whatever the order of leaving, never more are inside than fit, and all get in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 30 }),
      async (size, stays) => {
        const semaphore = new Semaphore(size);
        let inside = 0;
        let most = 0;
        await Promise.all(
          stays.map(async (turns) => {
            const leave = await semaphore.acquire();
            inside += 1;
            most = Math.max(most, inside);
            for (let turn = 0; turn < turns; turn += 1) await nextTurn();
            inside -= 1;
            leave();
          }),
        );
        expect(most).toBe(Math.min(size, stays.length));
        expect(semaphore.used).toBe(0);
      },
    ),
    { numRuns: 30 },
  );
});
