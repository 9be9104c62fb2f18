// `server`: checks its flags here and hands over to the server, which the caller of the CLI brings along.

import { variable } from '../../client/options.ts';
import type { Command } from '../command.ts';
import { CommandFailure, expectArguments, UsageError } from '../failure.ts';

export const serverCommand: Command = {
  words: ['server'],
  synopsis: 'Start a server',
  usage: '[options]',
  help: [
    'Starts a server with one or more configuration files or folders.',
    ' $ latchkey server -config=/etc/latchkey/latchkey.hcl',
    'With -dev it starts unsealed, in memory and with a known token: never for real secrets.',
    ' $ latchkey server -dev -dev-root-token-id=root',
  ],
  flags: [
    {
      name: 'config',
      kind: 'texts',
      help: 'File or folder with configuration, HCL or JSON. May be repeated.',
    },
    { name: 'strict-config', kind: 'switch', help: 'Refuse to start on any doubt about the configuration.' },
    { name: 'log-level', kind: 'text', help: 'trace, debug, info, warn or error. VAULT_LOG_LEVEL.' },
    { name: 'log-format', kind: 'text', help: 'standard or json. VAULT_LOG_FORMAT.' },
    { name: 'dev', kind: 'switch', help: 'Development mode: in memory, unsealed, no TLS.' },
    { name: 'dev-root-token-id', kind: 'text', help: 'First root token of -dev. VAULT_DEV_ROOT_TOKEN_ID.' },
    { name: 'dev-listen-address', kind: 'text', help: 'Listener of -dev. Default 127.0.0.1:8200.' },
    { name: 'recovery', kind: 'switch', help: 'Not supported.' },
  ],
  output: 'none',
  remote: false,
  async run(call) {
    expectArguments(call.args, 0);
    const { flags, around } = call;
    const { env, server } = around;
    if (flags.isOn('recovery')) {
      throw new UsageError(
        'Recovery mode is not supported: Latchkey repairs its storage without a mode of its own.',
      );
    }
    const dev = flags.isOn('dev');
    const configs = flags.texts('config');
    if (!dev && configs.length === 0)
      throw new UsageError('Must specify at least one config path using -config');
    if (server === undefined) throw new CommandFailure(1, 'This program was built without the server.');
    return server({
      configs,
      dev,
      devRootTokenId: flags.text('dev-root-token-id') ?? variable(env, 'DEV_ROOT_TOKEN_ID'),
      devListenAddress: flags.text('dev-listen-address') ?? variable(env, 'DEV_LISTEN_ADDRESS'),
      logLevel: flags.text('log-level') ?? variable(env, 'LOG_LEVEL'),
      logFormat: flags.text('log-format') ?? variable(env, 'LOG_FORMAT'),
      strictConfig: flags.isOn('strict-config'),
    });
  },
};
