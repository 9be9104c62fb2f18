// Walks through what lies in a view, page by page: a folder may hold more names than one list gives.

import { STORAGE_BATCH_CHANGES_MAX } from '../base/limits.ts';
import type { View } from './engine.ts';

/** Names that are asked for at once. */
export const PAGE = 1_000;

/** Every name of a folder (empty, or ending in `/`), while records come and go. */
export async function* namesIn(view: View, folder: string): AsyncGenerator<string> {
  let after: string | undefined;
  for (;;) {
    const names = await view.list(folder, after === undefined ? { limit: PAGE } : { after, limit: PAGE });
    yield* names;
    after = names.at(-1);
    if (after === undefined || names.length < PAGE) return;
  }
}

/** The path of every record below a folder (empty, or ending in `/`), however deep; relative to it. */
export async function* pathsBelow(view: View, folder: string): AsyncGenerator<string> {
  for await (const name of namesIn(view, folder)) {
    if (!name.endsWith('/')) yield name;
    else for await (const path of pathsBelow(view, `${folder}${name}`)) yield `${name}${path}`;
  }
}

/** Batch by batch: a kill in between leaves the rest, and doing it again finishes the work. */
export async function deleteAll(view: View): Promise<void> {
  let batch: { readonly kind: 'delete'; readonly path: string }[] = [];
  for await (const path of pathsBelow(view, '')) {
    batch.push({ kind: 'delete', path });
    if (batch.length < STORAGE_BATCH_CHANGES_MAX) continue;
    await view.write(batch);
    batch = [];
  }
  if (batch.length > 0) await view.write(batch);
}
