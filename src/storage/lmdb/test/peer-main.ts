import { writeFileSync } from 'node:fs';
import { systemClock } from '../../../base/clock.ts';
import { explain, LatchkeyError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { systemRandom } from '../../../base/random.ts';
import type { Leadership } from '../../election.ts';
import { unfenced } from '../../storage.ts';
import { LmdbEnvironment } from '../environment.ts';
import { openLmdb } from '../lmdb.ts';
import type { PeerCall, PeerMessage } from './peer-process.ts';

// For tests: one node's storage and election in a process of its own, driven over IPC. Started by `startPeer`.

const [path = '', leaseMs = '', writeLimitMs = '', uid = ''] = process.argv.slice(2);
const say = (message: PeerMessage) => process.send?.(message);

// After the imports: a stranger may not read the sources, but must be refused by the storage.
if (uid !== '') {
  process.setgroups?.([]);
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
}
// A file size limit stands in for a full disk; the signal that comes with it would end the process.
process.on('SIGXFSZ', () => {});

const node = await openLmdb({
  path,
  clock: systemClock,
  random: systemRandom,
  log: silentLogger,
  leaseMs: Number(leaseMs),
  writeLimitMs: Number(writeLimitMs),
  onPanic: (reason) => say({ panic: reason }),
}).catch((error: unknown) => {
  say({ failed: error instanceof LatchkeyError ? error.code : 'internal', message: explain(error) });
  return undefined;
});

let lead: Leadership | undefined;

function follow(leadership: Leadership | undefined): number | undefined {
  lead = leadership;
  leadership?.lost.addEventListener('abort', () => say({ lost: leadership.fence.epoch }));
  return leadership?.fence.epoch;
}

async function answer({ storage, election }: NonNullable<typeof node>, call: PeerCall): Promise<unknown> {
  const advert = { nodeId: String(process.pid), apiAddress: '', clusterAddress: '' };
  switch (call.op) {
    case 'get':
      return storage.get(call.key);
    case 'list':
      return storage.list(call.prefix, call.options);
    case 'write':
      return storage.write(call.changes, call.epoch === undefined ? unfenced : { epoch: call.epoch });
    case 'writeAndTouch':
      await storage.write(call.changes, unfenced);
      return writeFileSync(call.file, '');
    case 'campaign':
      return follow(await election.campaign(advert, new AbortController().signal));
    case 'tryCampaign':
      return follow(await election.tryCampaign(advert));
    case 'holds':
      return lead?.holds();
    case 'leader':
      return (await election.leader())?.epoch;
    case 'resign':
      return lead?.resign();
    case 'pour':
      return pour(storage.write.bind(storage), call.streams);
    case 'holdWriterLock':
      return holdWriterLock(call.milliseconds);
    case 'close':
      await election.close();
      await storage.close();
      return undefined;
  }
}

/** Writes batches of two for as long as the lead lasts, and says each number once its write was acknowledged. */
async function pour(write: NonNullable<typeof node>['storage']['write'], streams: number): Promise<void> {
  const fence = lead?.fence ?? { epoch: 1 };
  let number = 0;
  const stream = async () => {
    for (;;) {
      const mine = number++;
      const value = Buffer.alloc(1 + (mine % 9_000), mine);
      const key = `poured/${fence.epoch}/${mine}`;
      await write(
        [
          { kind: 'put', key: `${key}/a`, value },
          { kind: 'put', key: `${key}/b`, value },
        ],
        fence,
      );
      say({ acknowledged: mine, epoch: fence.epoch });
    }
  };
  await Promise.all(Array.from({ length: streams }, stream));
}

/** Stands still inside a transaction, as a process that was stopped there would. */
async function holdWriterLock(milliseconds: number): Promise<void> {
  const environment = await LmdbEnvironment.open({
    path,
    clock: systemClock,
    log: silentLogger,
    writeLimitMs: Number(writeLimitMs),
    onPanic: () => {},
  });
  environment.retain();
  await environment.transact(() => {
    say({ holding: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  });
  await environment.release();
}

if (node !== undefined) {
  process.on('message', (call: PeerCall & { id: number }) => {
    answer(node, call).then(
      (value) => say({ id: call.id, value }),
      (error: unknown) => {
        const code = error instanceof LatchkeyError ? error.code : 'internal';
        say({ id: call.id, failed: code, message: explain(error) });
      },
    );
  });
  say({ ready: true });
}
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
