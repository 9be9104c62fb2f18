// The ways in which a secret may be written in an output.

const ENCODED_BYTES_MIN = 12;

/** The text itself, and its bytes in hex, base64 and base64url; what is base64 or hex already is decoded as well. */
export function spellingsOf(secret: string): ReadonlySet<string> {
  const spellings = new Set([secret]);
  const buffers = [Buffer.from(secret, 'utf8')];
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(secret) && secret.length % 4 === 0)
    buffers.push(Buffer.from(secret, 'base64'));
  if (/^([0-9a-f]{2})+$/.test(secret)) buffers.push(Buffer.from(secret, 'hex'));
  for (const bytes of buffers) {
    // Shorter ones would meet themselves by chance.
    if (bytes.byteLength < ENCODED_BYTES_MIN) continue;
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      spellings.add(bytes.toString(encoding).replace(/=+$/, ''));
    }
    spellings.add(bytes.toString('hex').toUpperCase());
  }
  return spellings;
}

/** Names (not values) of what was found: `<index of the secret> as <spelling number>`. */
export function findSecrets(text: string, secrets: readonly string[]): string[] {
  const found: string[] = [];
  for (const [index, secret] of secrets.entries()) {
    for (const [number, spelling] of [...spellingsOf(secret)].entries()) {
      const at = text.indexOf(spelling);
      if (at !== -1)
        found.push(`secret ${index} (${secret.length} characters), spelling ${number}, at character ${at}`);
    }
  }
  return found;
}
