import type { Logger } from '../../src/log.ts';

/** A logger for tests that do not look at the log. */
export const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
