// Columns as Vault prints them: four blanks between, no padding after the last, `n/a` for an empty cell.

export type Row = readonly string[];

const GLUE = '    ';

/** Header, dashes under each of its words, rows. */
export function table(header: Row, rows: readonly Row[]): string {
  return columns([header, header.map((word) => '-'.repeat(word.length)), ...rows]);
}

export function columns(rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.trim() || 'n/a'));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, width(cell));
    });
  }
  return cells.map((row) => line(row, widths)).join('\n');
}

function line(row: Row, widths: readonly number[]): string {
  return row
    .map((cell, at) => (at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] ?? 0) - width(cell))))
    .join(GLUE);
}

/** Characters, not UTF-16 units. */
function width(cell: string): number {
  return [...cell].length;
}

/** `==== Title ====`, as long as `length`, or a little longer so that both sides are equal. */
export function banner(title: string, length: number): string {
  const room = length - (title.length + 2);
  const signs = room <= 0 ? 4 : room + (room % 2);
  const side = '='.repeat(signs / 2);
  return `${side} ${title} ${side}`;
}

/** Breaks `text` at blanks so that no line is over 78 characters, unless one word is. */
export function wrap(text: string, indent = ''): string {
  const WIDTH = 78;
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(/\s+/)) {
    if (current !== '' && indent.length + current.length + 1 + word.length > WIDTH) {
      lines.push(indent + current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, indent + current].join('\n');
}
