// Reads what strace wrote, and says whether a request was answered only after its write had reached the disk.

/** A system call begins, or has returned. `text` is the whole call as far as it is known by then. */
interface Moment {
  readonly at: 'begin' | 'end';
  readonly name: string;
  readonly text: string;
}

const SYNC = /^(fdatasync|fsync|msync)$/;
const WRITE = /^(write|writev|pwrite64|pwritev|pwritev2)$/;
const READ = /^(read|readv|recvfrom|recvmsg)$/;
const SEND = /^(write|writev|sendto|sendmsg)$/;

/**
 * What is wrong with the order of one request, found by `marker` in its first line; undefined if all is well: after it
 * was read, something was written to the data file; every page of that was synced before the meta page that makes it
 * count; the meta page was on the disk (by O_DSYNC, or by another sync) before the first byte of the answer.
 */
export function complaint(trace: string, dataFile: string, marker: string): string | undefined {
  const moments = momentsOf(trace);
  const asked = moments.findIndex(
    ({ at, name, text }) => at === 'end' && READ.test(name) && text.includes(marker),
  );
  const socket = /^\w+\(\d+<(socket:\[\d+\]|TCP:[^>]*)>/.exec(moments[asked]?.text ?? '')?.[1];
  if (socket === undefined) return 'the request was not seen';
  const isAnswer = ({ at, name, text }: Moment) =>
    at === 'begin' && SEND.test(name) && text.includes(`<${socket}>`) && text.includes('HTTP/1.1 2');
  const length = moments.slice(asked).findIndex(isAnswer);
  if (length === -1) return 'it was not answered with success';
  return orderOf(moments.slice(asked, asked + length), dataFile, syncingFiles(moments, dataFile));
}

/** Over what happened between request and answer, on whichever thread. */
function orderOf(
  between: readonly Moment[],
  dataFile: string,
  syncing: ReadonlySet<string>,
): string | undefined {
  let dirty = false;
  let commits = 0;
  for (const { at, name, text } of between) {
    if (SYNC.test(name)) {
      if (at === 'end' && / = 0$/.test(text) && (name === 'msync' || text.includes(`<${dataFile}>`)))
        dirty = false;
      continue;
    }
    const file = WRITE.test(name)
      ? new RegExp(`^\\w+\\((\\d+)<${RegExp.escape(dataFile)}>`).exec(text)?.[1]
      : undefined;
    if (file === undefined) continue;
    if (!syncing.has(file)) dirty = true;
    else if (at === 'begin' && dirty) return 'the meta page was written before the pages were synced';
    else if (at === 'end') commits += 1;
  }
  // Pages after a commit are those of the next one, such as a renewal of the lead, which the answer need not wait for.
  if (commits > 0) return undefined;
  return dirty ? 'pages were written and not synced' : 'nothing was committed';
}

/** Descriptors of the data file whose writes return only when they are on the disk. */
function syncingFiles(moments: readonly Moment[], dataFile: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { at, name, text } of moments) {
    if (at !== 'end' || name !== 'openat' || !text.includes(`"${dataFile}"`)) continue;
    const file = / = (\d+)</.exec(text)?.[1];
    if (file !== undefined && /O_D?SYNC/.test(text)) found.add(file);
  }
  return found;
}

function momentsOf(trace: string): Moment[] {
  const moments: Moment[] = [];
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const [, name = '', tail = ''] = resumed;
      moments.push({ at: 'end', name, text: (begun.get(thread) ?? '') + tail });
      begun.delete(thread);
      continue;
    }
    const name = /^(\w+)\(/.exec(rest)?.[1];
    if (name === undefined) continue;
    const unfinished = rest.endsWith('<unfinished ...>');
    const text = unfinished ? rest.slice(0, -'<unfinished ...>'.length) : rest;
    moments.push({ at: 'begin', name, text });
    if (unfinished) begun.set(thread, text);
    else moments.push({ at: 'end', name, text });
  }
  return moments;
}
