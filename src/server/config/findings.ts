// Collects everything that is wrong with a configuration, so that an operator sees all of it at once.

import { LatchkeyError } from '../../base/errors.ts';
import { type HclPosition, showPosition } from '../../base/hcl/hcl-tree.ts';

interface Finding {
  readonly at: HclPosition | undefined;
  readonly text: string;
}

/** Texts may show values of the file, but the values of secrets never. */
export class Findings {
  readonly #faults: Finding[] = [];
  readonly #warnings: Finding[] = [];
  readonly #notes: string[] = [];
  /** Files in the order they were given; faults are listed in it. */
  readonly #files: string[] = [];

  /** Without `at`: something that stands in no file. */
  fault(at: HclPosition | undefined, text: string): void {
    this.#faults.push({ at, text });
  }

  warn(at: HclPosition | undefined, text: string): void {
    this.#warnings.push({ at, text });
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  file(name: string): void {
    this.#files.push(name);
  }

  get faultCount(): number {
    return this.#faults.length;
  }

  /** @throws LatchkeyError config_invalid with a line for each fault; `strict` makes every warning one. */
  finish(strict: boolean): { warnings: string[]; notes: string[] } {
    const faults = strict ? [...this.#faults, ...this.#warnings] : this.#faults;
    if (faults.length > 0) {
      const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
      const why = strict && this.#faults.length === 0 ? ' (strict: warnings count)' : '';
      const lines = this.#show(faults).map((line) => `  ${line}`);
      throw new LatchkeyError(
        'config_invalid',
        [`the configuration has ${count}${why}:`, ...lines].join('\n'),
      );
    }
    return { warnings: this.#show(this.#warnings), notes: [...this.#notes] };
  }

  #show(findings: readonly Finding[]): string[] {
    const rank = ({ at }: Finding): [number, number, number] =>
      at ? [this.#files.indexOf(at.file), at.line, at.column] : [this.#files.length, 0, 0];
    const sorted = findings
      .map((finding) => ({ finding, rank: rank(finding) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.rank[2] - b.rank[2]);
    return sorted.map(({ finding: { at, text } }) => (at ? `${showPosition(at)}: ${text}` : text));
  }
}
