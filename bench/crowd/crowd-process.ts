import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Order, Orders, Report } from './crowd-worker.ts';

const WORKER = fileURLToPath(new URL('crowd-worker.ts', import.meta.url));

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** A part of a crowd in a process of its own, for a process may have only so many files open, and has only one core. */
export class CrowdProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #progress: (done: number) => void;
  readonly #endWithUs = (): void => void this.#child.kill('SIGKILL');
  #orders = 0;
  #fault: Error | null = null;

  /** `progress` is told now and then how many of this part have come in. */
  constructor(progress: (done: number) => void) {
    this.#progress = progress;
    this.#child = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    // Only the worker writes to this channel, in the form that its file shows.
    this.#child.on('message', (message) => this.#heard(message as Report));
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('close', (code, signal) => this.#fail(new Error(`clients ended with ${code ?? signal}`)));
    process.once('exit', this.#endWithUs);
  }

  /** Rejects with what went wrong there. Those that are asked for while one is under way do not wait for each other. */
  ask<K extends keyof Orders>(kind: K, order: Orders[K]): Promise<Answer<K>> {
    if (this.#fault !== null) return Promise.reject(this.#fault);
    const id = ++this.#orders;
    return new Promise((resolve, reject) => {
      // What the worker answers to an order of this kind.
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Answer<K>), reject });
      this.#child.send({ id, kind, order } as Order);
    });
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    process.off('exit', this.#endWithUs);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #heard(report: Report): void {
    if ('progress' in report) {
      this.#progress(report.progress);
      return;
    }
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    if ('error' in report) waiting?.reject(new Error(report.error));
    else waiting?.resolve(report.answer);
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}
