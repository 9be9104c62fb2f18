// The options that every audit device has. https://developer.hashicorp.com/vault/docs/audit#common-configuration-options

import { LatchkeyError } from '../base/errors.ts';

export interface DeviceOptions {
  /** Nothing is hidden. For debugging; the log is then as secret as the storage. */
  readonly logRaw: boolean;
  /** Default true, as in Vault. */
  readonly hmacAccessor: boolean;
  /** Lists of keys in answers are replaced by their number. */
  readonly elideListResponses: boolean;
  /** Put before each line. */
  readonly prefix: string;
}

const PREFIX_CHARACTERS_MAX = 256;

/** @throws LatchkeyError bad_request naming the option at fault. */
export function readOptions(options: Readonly<Record<string, string>>): DeviceOptions {
  const format = options['format'] ?? '';
  if (format !== '' && format !== 'json') {
    throw new LatchkeyError('bad_request', `unknown format type ${JSON.stringify(format)}; there is: json`);
  }
  const prefix = options['prefix'] ?? '';
  // A line break would let whoever sets it write lines of their own.
  if (prefix.length > PREFIX_CHARACTERS_MAX || /\p{Cc}/u.test(prefix)) {
    throw new LatchkeyError(
      'bad_request',
      `'prefix' must be at most ${PREFIX_CHARACTERS_MAX} characters, and none that control a terminal`,
    );
  }
  return {
    logRaw: readSwitch(options, 'log_raw', false),
    hmacAccessor: readSwitch(options, 'hmac_accessor', true),
    elideListResponses: readSwitch(options, 'elide_list_responses', false),
    prefix,
  };
}

/** Go's `strconv.ParseBool`. A misread `log_raw` would write secrets into a log. */
function readSwitch(options: Readonly<Record<string, string>>, name: string, byDefault: boolean): boolean {
  const given = options[name] ?? '';
  if (given === '') return byDefault;
  if (/^(?:1|t|T|TRUE|true|True)$/.test(given)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(given)) return false;
  throw new LatchkeyError('bad_request', `'${name}' must be true or false`);
}
