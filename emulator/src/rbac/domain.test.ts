import assert from 'node:assert/strict';
import { test } from 'node:test';
import { covers, matchesAny, RoleBook } from './domain.ts';

const VAULT = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/v';
const GET = 'Microsoft.KeyVault/vaults/secrets/getSecret/action';
const SET = 'Microsoft.KeyVault/vaults/secrets/setSecret/action';

function bookWith(role: string, scope: string): RoleBook {
  const book = new RoleBook();
  const name = book.role(role)?.name;
  assert.ok(name, role);
  book.add({
    name: '0d3c7e4e-0000-4000-8000-000000000001',
    scope,
    principalId: 'P',
    principalType: 'ServicePrincipal',
    role: name,
    createdAt: 0,
    createdBy: 'test',
  });
  return book;
}

function mayDo(
  book: RoleBook,
  action: string,
  resource: string,
  plane: 'data' | 'management' = 'data',
): boolean {
  return book.grants({ principalId: 'p', action, plane, resource }).length > 0;
}

test('a scope holds itself and what is below it, at segment borders, whatever the case', () => {
  assert.ok(covers(VAULT, VAULT.toUpperCase()));
  assert.ok(covers('/subscriptions/S', VAULT));
  assert.ok(covers('/', VAULT));
  assert.ok(covers(VAULT, `${VAULT}/secrets/x`));
  assert.ok(!covers(VAULT, `${VAULT}2`));
  assert.ok(!covers(`${VAULT}/secrets/x`, VAULT));
  assert.ok(!covers(`${VAULT}/secrets/x`, `${VAULT}/secrets/xy`));
});

test('a star matches across segments, and nothing else is a wildcard', () => {
  assert.ok(matchesAny(['Microsoft.KeyVault/vaults/secrets/*'], GET.toUpperCase()));
  assert.ok(matchesAny(['*/read'], 'Microsoft.KeyVault/vaults/keys/read'));
  assert.ok(!matchesAny(['Microsoft.KeyVault/vaults/secrets'], GET));
  assert.ok(!matchesAny(['MicrosoftxKeyVault/vaults/secrets/*'], GET));
  assert.ok(!matchesAny(['Microsoft.KeyVault/vaults/secrets/getSecret'], GET));
});

test('rights are inherited downwards only', () => {
  for (const scope of [
    '/subscriptions/s',
    '/subscriptions/s/resourceGroups/RG',
    VAULT,
    `${VAULT}/secrets/x`,
  ]) {
    assert.ok(mayDo(bookWith('Key Vault Secrets User', scope), GET, `${VAULT}/secrets/x`), scope);
  }
  assert.ok(!mayDo(bookWith('Key Vault Secrets User', `${VAULT}/secrets/x`), GET, `${VAULT}/secrets/y`));
  assert.ok(!mayDo(bookWith('Key Vault Secrets User', `${VAULT}/secrets/x`), GET, VAULT));
  assert.ok(!mayDo(bookWith('Key Vault Secrets User', '/subscriptions/s/resourceGroups/other'), GET, VAULT));
});

test('management roles hold no data right, and data roles no management right', () => {
  for (const role of ['Owner', 'Contributor', 'Reader', 'Key Vault Contributor']) {
    assert.ok(!mayDo(bookWith(role, '/subscriptions/s'), GET, VAULT), role);
  }
  const officer = bookWith('Key Vault Secrets Officer', VAULT);
  assert.ok(mayDo(officer, SET, VAULT));
  assert.ok(!mayDo(officer, 'Microsoft.KeyVault/vaults/write', VAULT, 'management'));
  assert.ok(!mayDo(officer, 'Microsoft.KeyVault/vaults/keys/wrap/action', VAULT));
  assert.ok(!mayDo(bookWith('Key Vault Secrets User', VAULT), SET, VAULT));
});

test('only Owner writes role assignments; Contributor is held back by its notActions', () => {
  const write = 'Microsoft.Authorization/roleAssignments/write';
  assert.ok(mayDo(bookWith('Owner', '/subscriptions/s'), write, VAULT, 'management'));
  for (const role of ['Contributor', 'Reader', 'Key Vault Administrator', 'Key Vault Contributor']) {
    assert.ok(!mayDo(bookWith(role, '/subscriptions/s'), write, VAULT, 'management'), role);
  }
});

test('roles are found by name, GUID and full id', () => {
  const book = new RoleBook();
  const guid = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7';
  for (const given of [
    'key vault secrets officer',
    guid,
    `/subscriptions/s/providers/x/roleDefinitions/${guid}`,
  ]) {
    assert.equal(book.role(given)?.roleName, 'Key Vault Secrets Officer');
  }
  assert.equal(book.role('Key Vault'), undefined);
  assert.equal(new Set(book.roles.map((role) => role.name)).size, book.roles.length);
});
