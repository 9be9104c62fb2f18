// Loads the server's configuration from files, folders and the environment.

import type { Stats } from 'node:fs';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { fromUtf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { parseHcl } from '../../base/hcl/hcl.ts';
import { HCL_BYTES_MAX, type HclEntry, HclSyntaxError } from '../../base/hcl/hcl-tree.ts';
import type { ServerConfig } from './config.ts';
import { Findings } from './findings.ts';
import { buildConfig } from './schema.ts';
import { type Environment, reason } from './seal-values.ts';

export interface LoadOptions {
  /** Files, and folders of which every `*.hcl` and `*.json` is taken, sorted by name. Later ones win. */
  readonly paths: readonly string[];
  readonly env: Environment;
  /** Every warning is fatal. */
  readonly strict: boolean;
}

export interface LoadedConfig {
  readonly config: ServerConfig;
  /** What is not as it should be and yet no reason to stop; each with file, line and column where it has them. */
  readonly warnings: string[];
  /** Where values came from, and which of two was taken. */
  readonly notes: string[];
}

/** Largest file behind `file://`, bytes. */
const VALUE_BYTES_MAX = 64 * 1024;

/**
 * Reads everything, then reports all faults at once.
 * @throws LatchkeyError config_invalid, one line for each fault, with file, line and column where it has them.
 */
export async function loadConfig({ paths, env, strict }: LoadOptions): Promise<LoadedConfig> {
  const findings = new Findings();
  const files = await expand(paths, findings);
  const entries: HclEntry[] = [];
  for (const file of files) entries.push(...(await parseFile(file, findings)));
  const at = { file: files[0] ?? '', line: 1, column: 1 };
  const complete = findings.faultCount === 0;
  const readText = (path: string) => readLimited(path, VALUE_BYTES_MAX);
  const config = await buildConfig({ kind: 'body', entries, at }, { env, readText, findings, complete });
  const told = findings.finish(strict);
  if (!config) throw new LatchkeyError('internal', 'the configuration is empty, and no fault says why');
  return { config, ...told };
}

/** The files behind `paths`, each once. */
async function expand(paths: readonly string[], findings: Findings): Promise<string[]> {
  const files = new Map<string, string>();
  if (paths.length === 0) findings.fault(undefined, 'no configuration; name a file or a folder with -config');
  for (const path of paths) {
    for (const file of await filesOf(path, findings)) {
      if (files.has(resolve(file))) findings.note(`${file} is named twice and read once`);
      else files.set(resolve(file), file);
    }
  }
  for (const file of files.values()) findings.file(file);
  return [...files.values()];
}

async function filesOf(path: string, findings: Findings): Promise<string[]> {
  const stats = await attempt(path, findings, () => stat(path));
  if (!stats?.isDirectory()) return stats ? [path] : [];
  const names = (await attempt(path, findings, () => readdir(path))) ?? [];
  const wanted = names.filter((name) => /^[^.].*\.(?:hcl|json)$/.test(name)).sort();
  const files: string[] = [];
  for (const name of wanted) {
    const file = join(path, name);
    // Through links: a mounted ConfigMap is a folder of them.
    const inner: Stats | undefined = await attempt(file, findings, () => stat(file));
    if (inner && !inner.isDirectory()) files.push(file);
  }
  if (wanted.length === 0)
    findings.fault(undefined, `${path}: the folder has no file that ends in .hcl or .json`);
  return files;
}

async function attempt<T>(path: string, findings: Findings, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    const words: Record<string, string> = { ENOENT: 'does not exist', EACCES: 'this user may not read it' };
    const code = reason(error);
    findings.fault(undefined, `${path}: ${words[code] ?? `cannot be read (${code})`}`);
    return undefined;
  }
}

/** The entries of one file; none, and a fault, if it cannot be read or parsed. */
async function parseFile(file: string, findings: Findings): Promise<readonly HclEntry[]> {
  const text = await attempt(file, findings, () => readLimited(file, HCL_BYTES_MAX));
  if (text === undefined) return [];
  try {
    return parseHcl(text, file).entries;
  } catch (error) {
    if (!(error instanceof HclSyntaxError)) throw error;
    findings.fault(error.at, error.text);
    return [];
  }
}

/** Reads at most `bytesMax`, also from a pipe such as `/dev/stdin`. */
async function readLimited(path: string, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > bytesMax) throw new ReadRefusal(`larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  try {
    return fromUtf8(Buffer.concat(chunks));
  } catch {
    throw new ReadRefusal('not UTF-8 text');
  }
}

/** Carries its words where a system error carries its code. */
class ReadRefusal extends Error {
  readonly code: string;

  constructor(words: string) {
    super(words);
    this.code = words;
  }
}
