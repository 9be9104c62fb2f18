// `npm run build`: the JavaScript of the published package, without types and tests, in dist/ or in the folder that
// --package names, which then is the package whole.

import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');

const { values } = parseArgs({ options: { package: { type: 'string' } } });
const folder = values.package === undefined ? ROOT : resolve(values.package);
const dist = join(folder, 'dist');

await rm(dist, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await run(
  join(ROOT, 'node_modules', '.bin', 'tsc'),
  ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', dist],
  {
    cwd: ROOT,
  },
);
if (folder !== ROOT) {
  for (const part of ['bin', 'package.json', 'LICENSE']) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true });
  }
}
console.log(`built: ${dist}`);
