import type { Millis } from '../presence/time.ts';

/** What `done` settles with, or `otherwise` when that takes longer than `ms`. A later rejection is swallowed. */
export async function within<T>(ms: Millis, done: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, ms, otherwise);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
