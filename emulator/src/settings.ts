// Points where Azure's behaviour cannot be had on loopback, or is disputed: switches that tests and users may turn.

export interface Settings {
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
}

export const DEFAULT_SETTINGS: Settings = { unknownVault: 'drop', secretValidity: 'informational' };

const CHOICES: { [Name in keyof Settings]: readonly Settings[Name][] } = {
  unknownVault: ['drop', 'not-found'],
  secretValidity: ['informational', 'enforced'],
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
