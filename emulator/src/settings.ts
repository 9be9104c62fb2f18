// Points where Azure's behaviour cannot be had on loopback, or is disputed, and unkindness that holds until it is turned
// off: switches that tests and users may turn.

export interface Settings {
  /**
   * What a vault's 401 names as authority: the tenant ('tenant', as Azure does) or its AD FS form ('adfs'), which some
   * clients want that were given that form themselves.
   */
  challengeAuthority: 'tenant' | 'adfs';
  /**
   * What the host of an unknown or deleted vault does. On Azure its name stops resolving; on loopback the nearest is a
   * connection that is reset ('drop'). 'not-found' answers 404 instead.
   */
  unknownVault: 'drop' | 'not-found';
  /**
   * Whether GET of a secret's value outside nbf and exp is refused. Azure lets it through ('informational': the
   * attributes are only a hint); 'enforced' answers 403 SecretNotYetValid or SecretExpired.
   */
  secretValidity: 'informational' | 'enforced';
  /** Whether a disabled key can be read. Azure shows it ('allowed'), so that it can be looked at and enabled again. */
  getOnDisabledKey: 'allowed' | 'refused';
  /**
   * Whether a disabled key still encrypts and wraps. Azure's documentation says no ('refused'); a user of the real
   * service reports that only decrypt, unwrap and sign are refused ('allowed'), azure-sdk-for-python #45342.
   */
  wrapOnDisabledKey: 'refused' | 'allowed';
  /** Whether a key outside nbf and exp still decrypts, unwraps and verifies. Azure's documentation says yes ('allowed'). */
  unwrapOutsideValidity: 'allowed' | 'refused';
  /**
   * Which right wrapping needs: the one of its name ('wrap'), or, as the text of a role suggests, that of reading the key
   * is enough, since wrapping is done with the public half ('read').
   */
  wrapNeeds: 'wrap' | 'read';
  /** How long it takes until a role assignment made or removed is felt. Azure: up to ten minutes. */
  rolePropagationSeconds: number;
  /** Whether the published limits hold: per vault, and five times that for the subscription, in ten seconds. */
  throttling: 'off' | 'published';
  /** The part of the published limits that is granted: tests cannot send thousands of requests. */
  throttleFactor: number;
  /** The limits of Azure's page today, or the older, lower ones that users cite still. */
  throttleLimits: 'current' | 'older';
  /** 'read-only' is what a vault is after a failover, 'down' what it is before: 503 to everything. */
  region: 'up' | 'read-only' | 'down';
  /** 'updating': the metadata service answers 410, as it does for up to 70 seconds. */
  imds: 'up' | 'updating';
}

export const DEFAULT_SETTINGS: Settings = {
  challengeAuthority: 'tenant',
  unknownVault: 'drop',
  secretValidity: 'informational',
  getOnDisabledKey: 'allowed',
  wrapOnDisabledKey: 'refused',
  unwrapOutsideValidity: 'allowed',
  wrapNeeds: 'wrap',
  rolePropagationSeconds: 0,
  throttling: 'off',
  throttleFactor: 1,
  throttleLimits: 'current',
  region: 'up',
  imds: 'up',
};

/** The words of a switch, or the bounds of a number. */
type Choice = readonly string[] | { readonly from: number; readonly to: number };

const CHOICES: Record<keyof Settings, Choice> = {
  challengeAuthority: ['tenant', 'adfs'],
  unknownVault: ['drop', 'not-found'],
  secretValidity: ['informational', 'enforced'],
  getOnDisabledKey: ['allowed', 'refused'],
  wrapOnDisabledKey: ['refused', 'allowed'],
  unwrapOutsideValidity: ['allowed', 'refused'],
  wrapNeeds: ['wrap', 'read'],
  rolePropagationSeconds: { from: 0, to: 3600 },
  throttling: ['off', 'published'],
  throttleFactor: { from: 0.0001, to: 1 },
  throttleLimits: ['current', 'older'],
  region: ['up', 'read-only', 'down'],
  imds: ['up', 'updating'],
};

/** Applies a change that came over the wire; throws RangeError for a name or value that does not exist. */
export function changeSettings(settings: Settings, change: Record<string, unknown>): void {
  const known: Record<string, Choice> = CHOICES;
  for (const [name, value] of Object.entries(change)) {
    const choice = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!choice) throw new RangeError(`unknown setting ${name}`);
    if ('from' in choice) {
      if (typeof value === 'number' && value >= choice.from && value <= choice.to) continue;
      throw new RangeError(`${name} must be a number from ${choice.from} to ${choice.to}`);
    }
    if (typeof value !== 'string' || !choice.includes(value)) {
      throw new RangeError(`${name} must be one of ${choice.join(', ')}`);
    }
  }
  Object.assign(settings, change);
}
