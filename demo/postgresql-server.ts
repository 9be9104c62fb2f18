// A real PostgreSQL server for the demo and for tests: fresh, on loopback, gone afterwards. PostgreSQL refuses to run as root, so as root
// it runs as nobody.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './conditions.ts';
import { unpackDebian } from './debian-packages.ts';
import { freePorts } from './ports.ts';

const run = promisify(execFile);
const NOBODY = 65_534;
const DEBIAN_FOLDER = '/usr/lib/postgresql';

interface Programs {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

export class PostgresqlServer implements AsyncDisposable {
  readonly #programs: Programs;
  readonly #folder: string;
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(programs: Programs, folder: string, port: number) {
    this.#programs = programs;
    this.#folder = folder;
    this.port = port;
  }

  /** @throws Error that says what to install if there is no PostgreSQL and none can be fetched. */
  static async start(): Promise<PostgresqlServer> {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-postgresql-'));
    const { uid } = identity();
    const programs = (await installedPrograms()) ?? (await fetchedPrograms(folder));
    if (uid !== undefined) await chown(folder, uid, uid);
    const data = join(folder, 'data');
    await run(
      join(programs.folder, 'initdb'),
      ['-D', data, '-U', 'latchkey', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
      {
        ...identity(),
        cwd: folder,
        env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', ...programs.environment },
      },
    );
    const [port = 0] = await freePorts(1);
    const server = new PostgresqlServer(programs, folder, port);
    await server.resume();
    return server;
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#programs.environment };
  }

  get url(): string {
    return `postgres://latchkey@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts it, or starts it again on the same data. */
  async resume(): Promise<void> {
    const data = join(this.#folder, 'data');
    const settings = [
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${this.#folder}`,
      'max_connections=60',
    ];
    const child = spawn(
      join(this.#programs.folder, 'postgres'),
      ['-D', data, '-p', String(this.port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...identity(), cwd: this.#folder, stdio: 'ignore', env: this.#environment },
    );
    this.#process = child;
    await until('PostgreSQL to answer', async () => {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
      return (await this.query('SELECT 1').catch(() => [])).length > 0 ? true : undefined;
    });
  }

  /** Ends it without a farewell, as a crash would; `SIGINT` is its fast shutdown. */
  async stop(signal: 'SIGQUIT' | 'SIGINT' = 'SIGQUIT'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The lines of the answer. @throws Error with what the server says. */
  async query(statement: string): Promise<readonly string[]> {
    const { stdout } = await run(join(this.#programs.folder, 'psql'), [this.url, '-AtXc', statement], {
      env: this.#environment,
    });
    return stdout.split('\n').filter((line) => line !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function identity(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

async function installedPrograms(): Promise<Programs | undefined> {
  const versions = await readdir(DEBIAN_FOLDER).catch((): string[] => []);
  const newestFirst = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'));
  for (const folder of [...newestFirst, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const names = await readdir(folder).catch((): string[] => []);
    if (['initdb', 'postgres', 'psql'].every((program) => names.includes(program))) {
      return { folder, environment: {} };
    }
  }
  return undefined;
}

async function fetchedPrograms(folder: string): Promise<Programs> {
  const root = join(folder, 'programs');
  await mkdir(root);
  const environment = await unpackDebian('postgresql-15', root);
  return { folder: join(root, DEBIAN_FOLDER, '15', 'bin'), environment };
}
