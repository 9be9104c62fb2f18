// Points where Azure's behaviour cannot be had on loopback, or is disputed: switches that tests and users may turn.

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
  /** Whether a key outside nbf and exp still decrypts and unwraps. Azure's documentation says yes ('allowed'). */
  unwrapOutsideValidity: 'allowed' | 'refused';
}

export const DEFAULT_SETTINGS: Settings = {
  challengeAuthority: 'tenant',
  unknownVault: 'drop',
  secretValidity: 'informational',
  getOnDisabledKey: 'allowed',
  wrapOnDisabledKey: 'refused',
  unwrapOutsideValidity: 'allowed',
};

const CHOICES: { [Name in keyof Settings]: readonly Settings[Name][] } = {
  challengeAuthority: ['tenant', 'adfs'],
  unknownVault: ['drop', 'not-found'],
  secretValidity: ['informational', 'enforced'],
  getOnDisabledKey: ['allowed', 'refused'],
  wrapOnDisabledKey: ['refused', 'allowed'],
  unwrapOutsideValidity: ['allowed', 'refused'],
};

/** Applies a change that came over the wire; throws RangeError for a name or value that does not exist. */
export function changeSettings(settings: Settings, change: Record<string, unknown>): void {
  const known: Record<string, readonly string[]> = CHOICES;
  for (const [name, value] of Object.entries(change)) {
    const choices = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!choices) throw new RangeError(`unknown setting ${name}`);
    if (typeof value !== 'string' || !choices.includes(value)) {
      throw new RangeError(`${name} must be one of ${choices.join(', ')}`);
    }
  }
  Object.assign(settings, change);
}
