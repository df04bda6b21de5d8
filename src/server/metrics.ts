import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export type Transport = 'http' | 'sse' | 'websocket';

export interface Metrics {
  /** Prometheus text of all that follows and of the process. */
  readonly registry: Registry;
  /** Open now, by transport: a WebSocket, or the stream of one subscription over SSE. */
  readonly connections: Gauge<'transport'>;
  /** Started so far, by transport and type: query, mutation, subscription, or invalid. */
  readonly operations: Counter<'transport' | 'type'>;
}

/** A registry of its own, so that several servers in one process do not count into each other. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    connections: new Gauge({
      name: 'rollcall_connections',
      help: 'Connections open now, by transport.',
      labelNames: ['transport'],
      registers: [registry],
    }),
    operations: new Counter({
      name: 'rollcall_operations_total',
      help: 'GraphQL operations started, by transport and type.',
      labelNames: ['transport', 'type'],
      registers: [registry],
    }),
  };
}
