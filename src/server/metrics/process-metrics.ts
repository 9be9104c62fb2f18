// What Prometheus knows of every process and of every Node.js one: the usual `process_*` and `nodejs_*`.

import type { Registry } from 'prom-client';

let registry: Promise<Registry> | undefined;

/** In the text format. The collectors start at the first look, so that a node nobody scrapes does not pay for them. */
export async function processMetrics(): Promise<string> {
  registry ??= open();
  return (await registry).metrics();
}

async function open(): Promise<Registry> {
  const { collectDefaultMetrics, Registry: PromRegistry } = await import('prom-client');
  const made = new PromRegistry();
  collectDefaultMetrics({ register: made });
  return made;
}
