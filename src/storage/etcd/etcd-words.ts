// What etcd's refusals mean, in words for whoever runs the node.

import { LatchkeyError } from '../../base/errors.ts';
import { type GrpcFault, STATUS } from './grpc-channel.ts';

/** Never with user, password or key. */
export function inWords(fault: GrpcFault, endpoints: readonly string[]): LatchkeyError {
  const code = codeOf(fault.cause);
  const meaning = (code === undefined ? undefined : ofCode(code)) ?? meaningOf(fault);
  const said = code === undefined ? '' : ` (${code})`;
  const place = endpoints.map((endpoint) => endpoint.replace(/^https?:\/\//, '')).join(', ');
  return new LatchkeyError('storage_unavailable', `etcd at ${place} ${meaning}${said}`, {
    cause: fault,
    detail: fault.message,
  });
}

/** System error codes, OpenSSL's, and Node's own. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'cut the connection',
  EPIPE: 'cut the connection',
  ENOTFOUND: 'has a name that does not resolve',
  EAI_AGAIN: 'has a name that cannot be resolved now',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ENOENT: 'cannot be asked: a file of tls_ca_file, tls_cert_file, tls_key_file is missing',
  EACCES: 'cannot be asked: a file of tls_ca_file, tls_cert_file, tls_key_file must not be read',
  CERT_HAS_EXPIRED: 'shows a certificate that has expired',
  SELF_SIGNED_CERT_IN_CHAIN: 'shows a certificate of an unknown authority; set tls_ca_file',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'shows a self-signed certificate; set tls_ca_file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'shows a certificate of an unknown authority; set tls_ca_file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'shows a certificate of an unknown authority; set tls_ca_file',
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS; write http:// in address, or give etcd a certificate',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS; write http:// in address, or give etcd a certificate',
};

/** etcd's texts; source: etcd's api/v3rpc/rpctypes/error.go. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [
    /database space exceeded/,
    'is full (alarm NOSPACE): compact, defragment, disarm the alarm, or raise its quota',
  ],
  [/corrupt/i, 'has raised the alarm CORRUPT'],
  [/authentication failed/, 'refuses the user or the password'],
  [/user name is empty/, 'asks for a login; set username and password'],
  [/authentication is not enabled/, 'has no logins enabled, yet username is set'],
  [/permission denied/, 'refuses the rights on the keys of this storage'],
  [/invalid auth token/, 'refuses the login'],
  [/request is too large/, 'refuses a request of this size; see --max-request-bytes'],
  [/too many operations/, 'refuses so many operations at once; see --max-txn-ops'],
  [/no leader|leader changed|not leader/, 'has no leader: most of its members are away, or they elect one'],
  [/too many requests/, 'is overloaded'],
  [/server stopped|stopping|shutting down/i, 'is shutting down'],
  [/timed out|no answer in time|no connection in time|not made in time/, 'does not answer in time'],
  [/connection was cut|answer was cut off/, 'cut the connection'],
  [/is not gRPC|protocol error/i, 'does not speak gRPC there'],
];

function meaningOf({ status, message }: GrpcFault): string {
  const [, known] = TEXTS.find(([pattern]) => pattern.test(message)) ?? [];
  if (known !== undefined) return known;
  if (status === STATUS.deadlineExceeded) return 'does not answer in time';
  return status === STATUS.unavailable ? 'cannot be used' : 'failed';
}

function ofCode(code: string): string | undefined {
  if (code.startsWith('ERR_OSSL_')) {
    return 'cannot be asked: tls_cert_file and tls_key_file are no certificate and its key';
  }
  // The names differ between versions of TLS, of OpenSSL and of etcd.
  if (/^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
    return 'refuses the client certificate, or lacks one; see tls_cert_file and tls_key_file';
  }
  return SYSTEM[code];
}

function codeOf(cause: unknown): string | undefined {
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
