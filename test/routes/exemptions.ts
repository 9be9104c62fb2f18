// Routes that answer without a token, each with its reason. The list only shrinks: a route that is not open any more,
// or is gone, must leave it, and a new one enters it only by an edit that somebody reads.

/** By engine type and pattern. */
export const OPEN_ROUTES: Readonly<Record<string, string>> = {
  'system init': 'nobody has a token before it; it works once',
  'system seal-status': 'a sealed node knows no token, and operators must see why it is sealed',
  'system unseal': 'a sealed node knows no token; the shares are what proves the right',
  'system seal-backend-status': 'as seal-status',
  'system health': 'load balancers and probes have no token',
  'system leader': 'clients ask it to find the active node; no more than health tells',
  'system internal/ui/mounts':
    'login pages list what is meant for them; without a token nothing else is shown',
  'system internal/ui/mounts/{path*}': 'as above; refuses by itself whoever may not touch that mount',
  'system internal/specs/openapi': 'as internal/ui/mounts, for tools that generate code',
  'system internal/ui/namespaces':
    'refuses by itself whoever has no token, with a text that user interfaces match',
  'system internal/ui/feature-flags': 'user interfaces ask it before the login; the answer is fixed',
  'system generate-root/attempt':
    'for those who have no root token left; whoever may begin has gained nothing',
  'system generate-root/update': 'the key shares are what proves the right',
  'system decode-token': 'computes with what the caller sent, and knows nothing',
  'system wrapping/lookup': 'takes a wrapping token in the body; says when it ends, never what is inside',
  'approle login': 'a login is how one comes by a token; role id and secret id are what proves the right',
  'jwt login': 'a login is how one comes by a token; the JWT is what proves the right',
  'jwt oidc/{step*}':
    'always refused; whoever logs in through a browser has no token, and is to read why not',
  'kubernetes login': 'a login is how one comes by a token; the cluster vouches for the JWT',
  'userpass login/{username}': 'a login is how one comes by a token; the password is what proves the right',
};

/**
 * Routes that may refuse with 400 and this text instead of 403: the token of the request is itself what is to be
 * unwrapped, and Vault's clients match the words.
 */
export const OTHER_REFUSALS: Readonly<Record<string, string>> = {
  'system wrapping/unwrap': 'wrapping token is not valid or does not exist',
  'system wrapping/rewrap': 'wrapping token is not valid or does not exist',
};

/**
 * What Vault's documentation lists as needing sudo ("Policies", root-protected API endpoints), as far as this server has
 * it. A route of ours with this type and pattern must ask for sudo.
 */
export const SUDO_ROUTES: readonly string[] = [
  'token accessors',
  'token revoke-orphan',
  'system audit',
  'system audit/{path*}',
  'system auth/{path*}',
  'system auth/{path*}/tune',
  'system config/auditing/request-headers',
  'system config/auditing/request-headers/{header}',
  'system config/cors',
  'system config/ui/headers',
  'system internal/inspect/router/{tag}',
  'system leases',
  'system leases/lookup/{prefix*}',
  'system leases/revoke-force/{prefix*}',
  'system leases/revoke-prefix/{prefix*}',
  'system plugins/catalog/{type}/{name}',
  'system raw',
  'system raw/{path*}',
  'system remount',
  'system revoke-force/{prefix*}',
  'system revoke-prefix/{prefix*}',
  'system rotate',
  'system rotate/config',
  'system seal',
  'system step-down',
];
