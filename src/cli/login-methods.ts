// How `login -method=…` asks each auth method, by its name, which is also where it is enabled by default.

import type { JsonObject } from '../base/json.ts';
import type { Environment } from '../client/options.ts';
import { UsageError } from './failure.ts';
import type { Terminal } from './terminal.ts';

export interface LoginMethod {
  /** What follows `login` in the help. */
  readonly example: string;
  /**
   * What is written below the mount. Secrets that `data` lacks are prompted for.
   * @throws UsageError for what is missing, never quoting a value.
   */
  request(data: JsonObject, terminal: Terminal, env: Environment): Promise<LoginRequest>;
}

export interface LoginRequest {
  readonly path: string;
  readonly body: JsonObject;
}

export const LOGIN_METHODS: Readonly<Record<string, LoginMethod>> = {
  userpass: {
    example: '-method=userpass username=ann',
    async request(data, terminal, env) {
      const { username, password, ...rest } = data;
      const name = textOf(username) || env['LOGNAME'] || env['USER'] || '';
      if (name === '') throw new UsageError("'username' must be supplied");
      // A slash would name another route.
      if (name.includes('/')) throw new UsageError("'username' must not hold a slash");
      const secret = textOf(password) || (await terminal.askHidden('Password (will be hidden): '));
      return { path: `login/${name}`, body: { ...rest, password: secret } };
    },
  },
  jwt: {
    example: '-method=jwt role=app jwt=@token',
    // The mount may have a default role.
    request: (data, terminal) => withJwt(data, terminal),
  },
  kubernetes: {
    example: '-method=kubernetes role=app jwt=@token',
    async request(data, terminal) {
      if (textOf(data['role']) === '') throw new UsageError("'role' must be supplied");
      return withJwt(data, terminal);
    },
  },
};

async function withJwt(data: JsonObject, terminal: Terminal): Promise<LoginRequest> {
  const jwt = textOf(data['jwt']) || (await terminal.askHidden('JWT (will be hidden): '));
  return { path: 'login', body: { ...data, jwt: jwt.trim() } };
}

/** Empty for what was not given, and for a list. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
