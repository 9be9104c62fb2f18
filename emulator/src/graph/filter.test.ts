import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilter } from './filter.ts';

const NAMES = ['displayName', 'appId', 'servicePrincipalNames'];
const ITEM = {
  displayName: "O'Hara and Sons",
  appId: 'AA-1',
  servicePrincipalNames: ['aa-1', 'https://identity/aa-1'],
};

const FILTERS: [filter: string | undefined, holds: boolean][] = [
  [undefined, true],
  ['', true],
  ["appId eq 'aa-1'", true],
  ["appId eq 'aa-2'", false],
  ["servicePrincipalNames/any(c:c eq 'https://identity/aa-1')", true],
  ["servicePrincipalNames/any(c:c eq 'identity')", false],
  ["startswith(displayName,'O''Hara')", true],
  ["startswith(displayName,'Hara')", false],
  ["displayName eq 'O''Hara and Sons' and appId eq 'aa-1'", true],
  ["displayName eq 'O''Hara and Sons' and appId eq 'other'", false],
];

for (const [filter, holds] of FILTERS) {
  test(`${filter} ${holds ? 'holds' : 'does not hold'}`, () => {
    assert.equal(parseFilter(filter, NAMES)(ITEM), holds);
  });
}

for (const filter of [
  "password eq 'x'",
  "appId ne 'aa-1'",
  "appId eq 'aa-1' or appId eq 'aa-2'",
  "servicePrincipalNames/any(c:d eq 'x')",
  'appId eq aa-1',
  "appId eq 'x",
  `appId eq '${'x'.repeat(3000)}'`,
]) {
  test(`refused, not ignored: ${filter.slice(0, 60)}`, () => {
    assert.throws(() => parseFilter(filter, NAMES), { code: 'Request_UnsupportedQuery', status: 400 });
  });
}
