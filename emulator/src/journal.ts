// What was asked, by whom, and what was decided. Never holds bodies, queries or tokens.

export interface JournalEntry {
  /** Counts up from 1. */
  number: number;
  /** Milliseconds since the Unix epoch. */
  at: number;
  /** A vault's name, or imds, entra, arm, graph, aks; none for a host that is not played. */
  target: string;
  method: string;
  host: string;
  path: string;
  /** Object id of the caller, where a token or an identity was recognised. */
  principalId?: string;
  action?: string;
  decision: 'answered' | 'unauthenticated' | 'denied' | 'refused' | 'dropped' | `fault:${string}`;
  /** HTTP status; absent when the connection was dropped or left hanging. */
  status?: number;
  reason?: string;
}

export interface JournalFilter {
  target?: string;
  principalId?: string;
  method?: string;
  /** Only entries with a larger number. */
  after?: number;
}

const ENTRIES_MAX = 10_000;

export class Journal {
  #entries: JournalEntry[] = [];
  #next = 1;

  record(entry: Omit<JournalEntry, 'number'>): void {
    this.#entries.push({ number: this.#next++, ...entry });
    if (this.#entries.length > ENTRIES_MAX) this.#entries.splice(0, this.#entries.length - ENTRIES_MAX);
  }

  /** Matching entries, oldest first; the last 10,000 are kept. */
  entries(filter: JournalFilter = {}): JournalEntry[] {
    return this.#entries
      .filter(
        (entry) =>
          (filter.target === undefined || entry.target === filter.target.toLowerCase()) &&
          (filter.principalId === undefined || entry.principalId === filter.principalId) &&
          (filter.method === undefined || entry.method === filter.method.toUpperCase()) &&
          (filter.after === undefined || entry.number > filter.after),
      )
      .map((entry) => ({ ...entry }));
  }

  clear(): void {
    this.#entries = [];
  }
}
