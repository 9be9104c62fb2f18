import { readFileSync, readlinkSync } from 'node:fs';

// Which process this is, in words that another process of the same host can check.

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot: tells a process from a later one with the same pid. */
  readonly startTicks: string;
  /** /proc/sys/kernel/random/boot_id: CLOCK_MONOTONIC starts anew with it. */
  readonly bootId: string;
  /** Target of /proc/self/ns/pid: a pid means nothing outside its namespace. */
  readonly pidNamespace: string;
}

export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    startTicks: procStat(process.pid)?.startTicks ?? 'unknown',
    bootId: bootId(),
    pidNamespace: pidNamespace(),
  };
}

/**
 * Milliseconds on CLOCK_MONOTONIC, which all processes of a host share until it reboots.
 * `performance.now` counts from the start of its own process, so it cannot carry a lease.
 */
export function hostMonotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/**
 * True only on proof that the process is gone: its pid is free, belongs to a process that started at another time,
 * or is a zombie (killed and not yet reaped: its threads run no more code). A process that was stopped (SIGSTOP) or
 * hangs is not gone: it may wake up in the middle of an answer, so its lease must run out. A process of another pid
 * namespace cannot be judged from here and counts as alive. Being wrong costs a read, never a write: writes are
 * fenced.
 */
export function provablyGone(other: ProcessIdentity, self: ProcessIdentity): boolean {
  if (other.bootId !== self.bootId) return true;
  if (other.pidNamespace !== self.pidNamespace) return false;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    // EPERM means that it lives under another user.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
  // With `hidepid` the entry may be hidden though the process lives: no entry is no proof.
  const stat = procStat(other.pid);
  if (stat === undefined || other.startTicks === 'unknown') return false;
  return stat.startTicks !== other.startTicks || stat.state === 'Z' || stat.state === 'X';
}

function procStat(pid: number): { state: string; startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in brackets and may hold spaces and brackets itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid');
}
