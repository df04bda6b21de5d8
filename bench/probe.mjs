// Loaded into every measured server, the same for all, with `node --expose-gc --import`. It answers over IPC, and does
// nothing until it is asked.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
let delays = null;

if (process.send) {
  process.on('message', (message) => {
    switch (message?.probe) {
      case 'memory': {
        // What the first one frees of weak references and finalizers, the second one collects.
        globalThis.gc();
        globalThis.gc();
        const { heapUsed, external, rss } = process.memoryUsage();
        process.send({ probe: 'memory', heapUsed, external, rss });
        break;
      }
      case 'watch-delay':
        delays?.disable();
        delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
        delays.enable();
        process.send({ probe: 'watch-delay' });
        break;
      case 'delay': {
        delays?.disable();
        // A timer that is on time counts as one resolution.
        const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
        const empty = delays === null || delays.count === 0;
        process.send({
          probe: 'delay',
          p99Ms: empty ? 0 : ms(delays.percentile(99)),
          maxMs: empty ? 0 : ms(delays.max),
        });
        break;
      }
    }
  });
  // Whether the process goes on is none of the probe's business.
  process.channel?.unref();
}
