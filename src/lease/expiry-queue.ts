// What ends next: a binary heap by time, with places by id, so that a lease can be moved and taken out.

export interface Due {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class ExpiryQueue {
  readonly #heap: Due[] = [];
  readonly #places = new Map<string, number>();

  get size(): number {
    return this.#heap.length;
  }

  get first(): Due | undefined {
    return this.#heap[0];
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /** Puts it in, or moves it. */
  set(id: string, at: number): void {
    const place = this.#places.get(id) ?? this.#heap.length;
    this.#put(place, { id, at });
    this.#settle(place);
  }

  delete(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#places.delete(id);
    const last = this.#heap.pop();
    if (last === undefined || place === this.#heap.length) return;
    this.#put(place, last);
    this.#settle(place);
  }

  #put(place: number, due: Due): void {
    this.#heap[place] = due;
    this.#places.set(due.id, place);
  }

  #at(place: number): number {
    return this.#heap[place]?.at ?? Number.POSITIVE_INFINITY;
  }

  #settle(from: number): void {
    let place = from;
    while (place > 0 && this.#at(place) < this.#at((place - 1) >> 1))
      place = this.#swap(place, (place - 1) >> 1);
    for (;;) {
      const left = place * 2 + 1;
      const least = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (this.#at(least) >= this.#at(place)) return;
      place = this.#swap(place, least);
    }
  }

  /** The place that the first one has now. */
  #swap(place: number, other: number): number {
    const [mine, theirs] = [this.#heap[place], this.#heap[other]];
    if (mine === undefined || theirs === undefined) return place;
    this.#put(other, mine);
    this.#put(place, theirs);
    return other;
  }
}
