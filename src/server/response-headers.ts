// The headers that an answer carries for its status alone: our own, and the config's custom_response_headers.

export interface CustomHeaders {
  /** `default`, a class such as `2xx`, or a status such as `404`. */
  readonly status: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export class ResponseHeaders {
  readonly #standing: Readonly<Record<string, string>>;
  readonly #byStatus = new Map<number, Readonly<Record<string, string>>>();
  #custom: readonly CustomHeaders[];

  constructor(standing: Readonly<Record<string, string>>, custom: readonly CustomHeaders[]) {
    this.#standing = standing;
    this.#custom = custom;
  }

  /** For every answer from now on. */
  set(custom: readonly CustomHeaders[]): void {
    this.#custom = custom;
    this.#byStatus.clear();
  }

  /** Of one name, the status itself wins over its class, that over `default`, and that over ours, as in Vault. */
  of(status: number): Readonly<Record<string, string>> {
    const known = this.#byStatus.get(status);
    if (known !== undefined) return known;
    const merged = new Map(Object.entries(this.#standing).map((pair) => [pair[0].toLowerCase(), pair]));
    for (const key of ['default', `${Math.floor(status / 100)}xx`, String(status)]) {
      for (const { headers } of this.#custom.filter((custom) => custom.status === key)) {
        for (const { name, value } of headers) merged.set(name.toLowerCase(), [name, value]);
      }
    }
    const made = Object.fromEntries(merged.values());
    this.#byStatus.set(status, made);
    return made;
  }
}
