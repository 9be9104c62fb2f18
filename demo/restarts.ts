// What several steps do with one server: start it and wait, or see that it stays sealed for want of a role.

import { runLatchkey } from './command-line.ts';
import { expect, until } from './conditions.ts';
import { type ServerProcess, unsealed } from './server-process.ts';

/** Milliseconds from the start of the process until it says unsealed. */
export async function startAndAwait(server: ServerProcess): Promise<number> {
  const startedAt = performance.now();
  server.start();
  await until(`${server.name} to unseal`, () => unsealed(server));
  return Math.round(performance.now() - startedAt);
}

/** The lines of `status` that say why the server is sealed: a 403 by RBAC, these words, and the mending command. */
export async function forbiddenWith(
  server: ServerProcess,
  words: readonly string[],
): Promise<readonly string[]> {
  const { value: why } = await until(`${server.name} to say why it is sealed`, async () => {
    const status = await server.client.sealStatus();
    return status.sealed ? status.lastError : undefined;
  });
  expect(
    why.class === 'keyvault_forbidden_rbac' && why.httpStatus === 403,
    `a 403 by RBAC, not ${why.class}`,
  );
  const printed = await runLatchkey(server, ['status'], '');
  expect(printed.code === 2, `\`status\` to exit with 2, not ${printed.code}`);
  for (const word of [...words, 'az role assignment create']) {
    expect(printed.stdout.includes(word), `\`status\` to name ${word}:\n${printed.stdout}`);
  }
  return printed.stdout.split('\n').filter((line) => /^(Why sealed|To mend it|\s+az )/.test(line));
}
