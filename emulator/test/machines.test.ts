// Managed identities in the form of App Service, and several machines side by side, by the official client.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { type Azure, startAzure } from '../src/index.ts';
import { send } from './clients.ts';

let azure: Azure;
before(async () => {
  azure = await startAzure();
});
after(() => azure.close());

/** DefaultAzureCredential in a process of its own: it looks at the environment. Prints the claims of its token. */
const CLIENT = `
import { DefaultAzureCredential } from '@azure/identity';
const { token } = await new DefaultAzureCredential().getToken(process.argv[1]);
const { oid, appid, aud } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
console.log(JSON.stringify({ oid, appid, aud }));
`;

async function signIn(variables: Record<string, string>): Promise<Record<string, string>> {
  const { AZURE_CLIENT_SECRET: _, ...inherited } = process.env;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', CLIENT, `${azure.keyVaultAudience}/.default`],
    { cwd: import.meta.dirname, env: { ...inherited, ...variables }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

test('an App Service signs in as itself, and as an identity that is attached', async () => {
  const service = {
    IDENTITY_ENDPOINT: azure.identityEndpoint,
    IDENTITY_HEADER: azure.identityHeader,
  };
  assert.deepEqual(await signIn(service), {
    oid: azure.systemAssigned.principalId,
    appid: azure.systemAssigned.clientId,
    aud: azure.keyVaultAudience,
  });
  const identity = azure.createIdentity('on-app-service');
  const named = await signIn({ ...service, AZURE_CLIENT_ID: identity.clientId });
  assert.equal(named['oid'], identity.principalId);
});

test('machines have identities of their own', async () => {
  const [one, two] = await Promise.all([azure.addMachine('one'), azure.addMachine('two')]);
  const identity = azure.createIdentity('only-on-two');
  azure.detachIdentity(identity.principalId);
  two.attach(identity.principalId);
  for (const machine of [one, two]) {
    const own = await signIn({ AZURE_POD_IDENTITY_AUTHORITY_HOST: machine.imdsUrl });
    assert.equal(own['oid'], machine.principalId);
  }
  const ask = async (imdsUrl: string) => {
    const query = new URLSearchParams({
      'api-version': '2018-02-01',
      resource: azure.keyVaultAudience,
      client_id: identity.clientId,
    });
    const url = `${imdsUrl}/metadata/identity/oauth2/token?${query}`;
    return (await fetch(url, { headers: { metadata: 'true' } })).status;
  };
  assert.deepEqual(
    [await ask(azure.imdsUrl), await ask(one.imdsUrl), await ask(two.imdsUrl)],
    [400, 400, 200],
  );
  // What is put back are other objects of the same ids.
  azure.restore(azure.snapshot());
  const own = await signIn({ AZURE_POD_IDENTITY_AUTHORITY_HOST: two.imdsUrl });
  assert.equal(own['oid'], two.principalId);
  assert.equal(two.detach(identity.principalId), true);
  assert.equal(await ask(two.imdsUrl), 400);
});

test('the form of App Service needs the header, a resource, and GET', async () => {
  const resource = encodeURIComponent(azure.keyVaultAudience);
  const url = `${azure.identityEndpoint}?api-version=2019-08-01&resource=${resource}`;
  const status = async (headers: Record<string, string>, method = 'GET', from = url) =>
    (await fetch(from, { method, headers })).status;
  const right = { 'x-identity-header': azure.identityHeader };
  assert.equal(await status(right), 200);
  assert.equal(await status({}), 401);
  assert.equal(await status({ 'x-identity-header': 'wrong' }), 401);
  assert.equal(await status({ metadata: 'true' }), 401);
  assert.equal(await status(right, 'POST'), 405);
  assert.equal(await status(right, 'GET', azure.identityEndpoint), 400);
  const other = await azure.addMachine('other');
  assert.equal(await status(right, 'GET', url.replace(azure.imdsUrl, other.imdsUrl)), 401);
  assert.equal((await send(azure, 'GET', `${azure.authorityUrl}/msi/token`)).status, 404);
});
