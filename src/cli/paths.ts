// Paths as people type them.

/** Without blanks and slashes at both ends. */
export function plainPath(path: string): string {
  return path.trim().replace(/^\/+|\/+$/g, '');
}
