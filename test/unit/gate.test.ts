import { expect, test } from 'vitest';
import { Gate } from '../../src/roster/gate.ts';

/** A task that ends when it is told to. */
class Task {
  begun = false;
  end: (error?: Error) => void = () => {};

  readonly run = (): Promise<void> => {
    this.begun = true;
    return new Promise((resolve, reject) => {
      this.end = (error) => (error ? reject(error) : resolve());
    });
  };
}

function begun(tasks: readonly Task[]): number[] {
  return tasks.flatMap((task, index) => (task.begun ? [index] : []));
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('rule 9.4: so many run at once, and the others begin in the order in which they came', async () => {
  const gate = new Gate(2);
  const tasks = Array.from({ length: 7 }, () => new Task());
  const runs = tasks.slice(0, 5).map((task) => gate.run(task.run));
  await settle();
  expect(begun(tasks)).toEqual([0, 1]);
  tasks[1]?.end();
  await settle();
  expect(begun(tasks)).toEqual([0, 1, 2]);
  // Who comes now waits behind those who wait already.
  runs.push(...tasks.slice(5).map((task) => gate.run(task.run)));
  for (const next of [3, 4, 5, 6]) {
    tasks[next - 1]?.end();
    await settle();
    expect(begun(tasks)).toEqual(Array.from({ length: next + 1 }, (_, index) => index));
  }
  for (const task of tasks) task.end();
  await Promise.all(runs);
});

test('a task that fails fails alone and makes room for the next', async () => {
  const gate = new Gate(1);
  const [first, second] = [new Task(), new Task()];
  const [one, two] = [gate.run(first.run), gate.run(second.run)];
  await settle();
  first.end(new Error('no'));
  await expect(one).rejects.toThrow('no');
  await settle();
  expect(second.begun).toBe(true);
  second.end();
  await two;
});
