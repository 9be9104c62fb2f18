// The processor time that a process has used: unlike the time on the wall, it hardly depends on what else the machine does.

import { readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second, whatever its own tick is. */
const TICKS_PER_SECOND = 100;

/** Milliseconds, in user and in system mode. proc(5), /proc/pid/stat. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name in brackets, which may hold anything; utime and stime are fields 14 and 15 of the whole.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}
