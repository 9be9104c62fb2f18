// Stands for the lead, leads while it lasts, and gives it back in good order; again and again while the node is unsealed.

import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Advert, Leadership } from '../storage/election.ts';
import type { Stores } from './stores.ts';
import type { Tenure } from './tenure.ts';

export interface LeadershipParts {
  readonly advert: Advert;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Opens the tenure; `end` ends it from within, with a reason. */
  openTenure(stores: Stores, leadership: Leadership, end: (reason: EndReason) => void): Promise<Tenure>;
  /** Tells the node which tenure serves, and that none does. */
  serving(tenure: Tenure | undefined): void;
}

export type EndReason = 'step_down' | 'sealed' | 'lead_lost' | 'clock_jumped';

/** After a step-down this node lets the others go first, as Vault does. */
const STEP_DOWN_PAUSE_MS = 10_000;
const FAILED_PAUSE_MS = 1_000;
const JUMP_CHECK_MS = 1_000;
/** More than any slewing; a suspended machine or a hand on the clock. */
const JUMP_MS_MAX = 5_000;

/** Runs until `session` aborts. Never throws. */
export async function keepLeading(
  parts: LeadershipParts,
  stores: Stores,
  session: AbortSignal,
): Promise<void> {
  const { advert, clock, log } = parts;
  while (!session.aborted) {
    let pause = 0;
    try {
      const leadership = await stores.election.campaign(advert, session);
      pause = (await leadOnce(parts, stores, leadership, session)) === 'step_down' ? STEP_DOWN_PAUSE_MS : 0;
    } catch (error) {
      if (session.aborted) return;
      log.error('could not lead; another node will, or this one tries again', { error: explain(error) });
      pause = FAILED_PAUSE_MS;
    }
    if (pause > 0) await clock.sleep(pause, session).catch(() => {});
  }
}

/** One tenure from its opening to its resignation. */
async function leadOnce(
  parts: LeadershipParts,
  stores: Stores,
  leadership: Leadership,
  session: AbortSignal,
): Promise<EndReason> {
  const { clock, log, metrics } = parts;
  const { promise: ended, resolve: end } = Promise.withResolvers<EndReason>();
  const over = new AbortController();
  leadership.lost.addEventListener('abort', () => end('lead_lost'), { once: true });
  if (leadership.lost.aborted) end('lead_lost');
  session.addEventListener('abort', () => end('sealed'), { once: true });
  if (session.aborted) end('sealed');
  watchClock(clock, over.signal, () => end('clock_jumped'));
  const took = (from: number) => clock.monotonic() - from;
  let closingSince = clock.monotonic();
  let reason: EndReason | undefined;
  try {
    const startedAt = clock.monotonic();
    await using tenure = await parts.openTenure(stores, leadership, end).catch((error: unknown) => {
      metrics.sample('core.leadership_setup_failed', took(startedAt));
      throw error;
    });
    const leadingSince = clock.monotonic();
    metrics.sample('core.post_unseal', took(startedAt));
    parts.serving(tenure);
    const openedIn = Math.round(clock.monotonic() - startedAt);
    log.info('node state: standby -> active', { epoch: leadership.fence.epoch, opened_in_ms: openedIn });
    reason = await ended;
    closingSince = clock.monotonic();
    parts.serving(undefined);
    metrics.sample('core.leadership_lost', took(leadingSince));
    log.info('node state: active -> standby', { reason, epoch: leadership.fence.epoch });
    return reason;
  } finally {
    over.abort();
    parts.serving(undefined);
    if (reason !== undefined) metrics.sample('core.pre_seal', took(closingSince));
    // After the tenure has closed, so that the next leader never overlaps with this one's last writes.
    await leadership.resign().catch((error: unknown) => {
      log.warn('the lead could not be resigned; the others wait until it runs out', {
        error: explain(error),
      });
    });
    if (reason === 'step_down') metrics.sample('core.step_down', took(closingSince));
  }
}

/** A machine that was suspended wakes up with a lease that looks younger than it is. */
function watchClock(clock: Clock, signal: AbortSignal, onJump: () => void): void {
  const drift = () => clock.now() - clock.monotonic();
  let before = drift();
  const watch = async () => {
    while (!signal.aborted) {
      await clock.sleep(JUMP_CHECK_MS, signal);
      const now = drift();
      if (Math.abs(now - before) > JUMP_MS_MAX) onJump();
      before = now;
    }
  };
  watch().catch(() => {});
}
