// The composition root: the only file that names concrete storages, seals and engines. What is heavy loads late, so
// that a command of the CLI does not pay for the server.

import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemClock } from './base/clock.ts';
import { explain, LatchkeyError } from './base/errors.ts';
import type { Logger } from './base/log.ts';
import { systemRandom } from './base/random.ts';
import { LATCHKEY_VERSION, VAULT_API_VERSION } from './base/version.ts';
import { runCli, type ServerArguments } from './cli/cli.ts';
import type { ClusterListener } from './cluster/active.ts';
import type { OpenStorage } from './core/stores.ts';
import type { EngineType } from './engine/engine.ts';
import type { Seal } from './seal/seal.ts';
import type {
  AzureKeyVaultSealConfig,
  HostPort,
  ListenerConfig,
  ServerConfig,
} from './server/config/config.ts';
import type { Listener, ListenerOptions } from './server/listener.ts';
import type { AdjustableLogger, LogFormat, LogLevel } from './server/log.ts';
import type { Server } from './server/server.ts';

const parts = { clock: systemClock, random: systemRandom };

const exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  isTty: process.stdout.isTTY,
  apiVersion: VAULT_API_VERSION,
  server: serve,
});
// Everything was flushed. A server that could not start may have left a listener open, and that must not keep it alive.
process.exit(exitCode);

/** Runs a server until a signal ends it; the exit code. Only a configuration that cannot work ends it at once. */
async function serve(args: ServerArguments): Promise<number> {
  let running: Server;
  try {
    running = await (args.dev ? startDevelopment(args) : startConfigured(args));
  } catch (error) {
    const text = error instanceof LatchkeyError ? error.message : explain(error);
    process.stderr.write(`Error starting the server: ${text}\n`);
    return 1;
  }
  await running.untilStopped();
  return 0;
}

/** A SIGHUP puts the config as it is now in place of the old. */
interface LiveConfig {
  config: ServerConfig;
}

async function startConfigured(args: ServerArguments): Promise<Server> {
  const { loadConfig } = await import('./server/config/load.ts');
  const load = () => loadConfig({ paths: args.configs, env: process.env, strict: args.strictConfig });
  const { config, warnings, notes } = await load();
  const log = await openLog(args, config);
  for (const warning of warnings) log.warn(warning);
  for (const note of notes) log.info(note);
  const seal = await openSeal(config.seal, log);
  const live: LiveConfig = { config };
  const server = await openServer(live, seal, openStorage(config, log), log);
  server.onHangup(async () => {
    const { config: again } = await load();
    live.config = again;
    const level = levelOf(args.logLevel ?? again.logLevel);
    log.setLevel(level);
    server.setResponseHeaders(again.listeners.map((listener) => listener.customResponseHeaders));
    return [`log level ${level}`, 'response headers'];
  });
  return server;
}

/** In memory, unsealed, with a known token and a kv version 2 at secret/, as `vault server -dev` has it. */
async function startDevelopment(args: ServerArguments): Promise<Server> {
  const { ShamirSeal } = await import('./seal/shamir/shamir-seal.ts');
  const { memoryStorage } = await import('./storage/memory/memory.ts');
  const { developmentConfig } = await import('./server/config/development.ts');
  const config = developmentConfig(args.devListenAddress);
  const log = await openLog(args, config);
  const seal = new ShamirSeal(systemRandom);
  const server = await openServer({ config }, seal, async () => memoryStorage(parts), log);
  const { prepareDevelopment } = await import('./core/development.ts');
  const rootToken = args.devRootTokenId;
  const made = await prepareDevelopment(server.node, rootToken, systemRandom);
  process.stdout.write(
    'WARNING: development mode. Everything is in memory and gone when the process ends; never for real secrets.\n\n' +
      `    export VAULT_ADDR='${config.apiAddr}'\n\nUnseal Key: ${made.unsealKey}\nRoot Token: ${made.rootToken}\n\n`,
  );
  return server;
}

async function openLog(args: ServerArguments, config: ServerConfig): Promise<AdjustableLogger> {
  const { createLogger } = await import('./server/log.ts');
  const format: LogFormat = (args.logFormat ?? config.logFormat) === 'json' ? 'json' : 'standard';
  return createLogger({ level: levelOf(args.logLevel ?? config.logLevel), format });
}

function levelOf(text: string): LogLevel {
  const known: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  return known.find((level) => level === text.toLowerCase()) ?? (text === 'trace' ? 'debug' : 'info');
}

/** Without a stanza it is Shamir's, as in Vault. */
async function openSeal(config: AzureKeyVaultSealConfig | undefined, log: Logger): Promise<Seal> {
  if (config === undefined) {
    const { ShamirSeal } = await import('./seal/shamir/shamir-seal.ts');
    return new ShamirSeal(systemRandom);
  }
  const { openAzureKeyVaultSeal } = await import('./seal/azure-key-vault/azure-key-vault-seal.ts');
  const { caCertFile, ...rest } = config;
  let caCertPem: string | undefined;
  if (caCertFile !== undefined) {
    caCertPem = await readFile(caCertFile, 'utf8').catch((cause: unknown) => {
      throw new LatchkeyError(
        'config_invalid',
        `seal "azurekeyvault": ca_cert ${caCertFile} cannot be read`,
        { cause },
      );
    });
  }
  const authorityHost = config.authorityHost ?? config.environment.authorityHost;
  return openAzureKeyVaultSeal(
    { ...rest, authorityHost, ...(caCertPem === undefined ? {} : { caCertPem }) },
    { ...parts, log: log.child('seal'), env: process.env },
  );
}

function openStorage(config: ServerConfig, log: AdjustableLogger): OpenStorage {
  const { storage } = config;
  return async () => {
    if (storage.type === 'inmem') {
      const { memoryStorage } = await import('./storage/memory/memory.ts');
      return memoryStorage(parts);
    }
    if (storage.type === 'postgresql') {
      const { openPostgresql } = await import('./storage/postgresql/postgresql.ts');
      return openPostgresql({ ...storage, ...parts });
    }
    if (storage.type === 'etcd') {
      const { openEtcd } = await import('./storage/etcd/etcd.ts');
      return openEtcd({ ...storage, ...parts });
    }
    const { openLmdb } = await import('./storage/lmdb/lmdb.ts');
    const onPanic = (reason: string) => {
      log.error('the storage cannot go on in this process; ending it, so that it is started anew', {
        reason,
      });
      // Not process.exit: it would join LMDB's writer thread, which waits for the lock that is the trouble.
      process.kill(process.pid, 'SIGKILL');
    };
    return openLmdb({ path: storage.path, ...parts, log: log.child('storage'), onPanic });
  };
}

/** Listeners open first: the node answers, and says why it is sealed, before storage and Azure were ever asked. */
async function openServer(
  live: LiveConfig,
  seal: Seal,
  open: OpenStorage,
  log: AdjustableLogger,
): Promise<Server> {
  const { config } = live;
  const [{ Node }, { cubbyholeEngine }, { openListener }, { Server }, { systemRoom }] = await Promise.all([
    import('./core/node.ts'),
    import('./secrets/cubbyhole/cubbyhole-engine.ts'),
    import('./server/listener.ts'),
    import('./server/server.ts'),
    import('./system/system-engine.ts'),
  ]);
  const [{ fileSinkType }, { stdoutSinkType }, { socketSinkType }] = await Promise.all([
    import('./audit/file/file-sink.ts'),
    import('./audit/stdout/stdout-sink.ts'),
    import('./audit/socket/socket-sink.ts'),
  ]);
  const cluster = await openCluster(config, log);
  const { processPort } = await import('./server/process-port.ts');
  const ofProcess = processPort(config, log, systemClock);
  const [first] = config.listeners;
  if (first === undefined) throw new LatchkeyError('config_invalid', 'the configuration has no listener');
  const node = new Node({
    advert: {
      nodeId: systemRandom.uuid(),
      apiAddress: config.apiAddr ?? originOf(first),
      clusterAddress: config.clusterAddr ?? `https://${shown(first.clusterAddress)}`,
    },
    hostname: hostname(),
    version: LATCHKEY_VERSION,
    seal,
    openStorage: open,
    storageType: config.storage.type,
    system: systemRoom,
    metrics: ofProcess.metrics,
    process: ofProcess,
    usagePeriodMs: config.telemetry.usageGaugePeriodMs,
    auditSinks: new Map([fileSinkType, stdoutSinkType, socketSinkType].map((type) => [type.type, type])),
    auditConfig: () => ({ devices: live.config.auditDevices, apiCreation: live.config.apiAuditCreation }),
    engines: await loadEngines(),
    cubbyhole: cubbyholeEngine,
    leaseTtl: {
      defaultSeconds: Math.floor(config.defaultLeaseTtlMs / 1_000),
      maxSeconds: Math.floor(config.maxLeaseTtlMs / 1_000),
    },
    cluster,
    clusterName: config.clusterName,
    clusterId: config.clusterId,
    ...parts,
    log,
  });
  const listeners: Listener[] = [];
  for (const listener of config.listeners) {
    const options = { ...optionsOf(listener), metrics: ofProcess.metrics };
    const opened = await openListener(options, node, log.child('listener'));
    listeners.push(opened);
    log.info('listening', { address: opened.address, tls: !listener.tls.disabled });
  }
  log.info(`seal ${seal.name}: ${seal.describe.summary}`);
  for (const warning of seal.describe.warnings) log.warn(`seal ${seal.name}: ${warning}`);
  if (config.pidFile !== undefined) await writeFile(config.pidFile, `${process.pid}\n`, { mode: 0o644 });
  const server = new Server(node, listeners, cluster, config.pidFile, log);
  node.start();
  return server;
}

/** What can be mounted: secrets engines and auth methods, by the name of their type. */
async function loadEngines(): Promise<ReadonlyMap<string, EngineType>> {
  const [{ kvEngine }, { userpassEngine }, { approleEngine }] = await Promise.all([
    import('./secrets/kv/kv-engine.ts'),
    import('./auth/userpass/userpass-engine.ts'),
    import('./auth/approle/approle-engine.ts'),
  ]);
  const jwt = lateAuth('jwt', async () => (await import('./auth/jwt/jwt-auth.ts')).jwtAuth);
  const kubernetes = lateAuth('kubernetes', async () => {
    return (await import('./auth/kubernetes/kubernetes-auth.ts')).kubernetesAuth;
  });
  return new Map([kvEngine, userpassEngine, approleEngine, jwt, kubernetes].map((type) => [type.type, type]));
}

/** Loaded when the first of its mounts opens: a server without one does not pay for checking JWTs. */
function lateAuth(type: string, load: () => Promise<EngineType>): EngineType {
  return { type, kind: 'auth', open: async (context) => (await load()).open(context) };
}

async function openCluster(config: ServerConfig, log: Logger): Promise<ClusterListener | undefined> {
  const [first] = config.listeners;
  if (first === undefined || config.storage.type === 'inmem') return undefined;
  const { openClusterListener } = await import('./cluster/active.ts');
  return openClusterListener(first.clusterAddress, log.child('cluster'));
}

function optionsOf(config: ListenerConfig): ListenerOptions {
  const options: ListenerOptions = {
    address: shown(config.address),
    sealDetail: config.unauthenticatedSealDetail,
    openMetrics: config.openMetrics,
    metricsAccess: config.metricsAccess,
    openInFlight: config.openInFlight,
    bodyBytesMax: config.maxRequestSizeBytes,
    jsonLimits: config.jsonLimits,
    tokenHeaderBytesMax: config.tokenHeaderBytesMax,
    requestMsMax: config.maxRequestDurationMs,
    headerMsMax: config.httpReadHeaderTimeoutMs,
    readMsMax: config.httpReadTimeoutMs,
    writeMsMax: config.httpWriteTimeoutMs,
    idleMsMax: config.httpIdleTimeoutMs,
    forwardedFor: config.xForwardedFor,
    responseHeaders: config.customResponseHeaders,
    closedPaths: config.closedPaths,
    clock: systemClock,
  };
  if (config.tls.disabled) return options;
  const { certFile, keyFile, clientCaFile, clientCert, ...offered } = config.tls;
  const { minVersion, maxVersion, cipherSuites, keyExchanges } = offered;
  const tls = { cert: certFile, key: keyFile, clientCa: clientCaFile, clientCert };
  return {
    ...options,
    tls: { ...tls, minVersion, maxVersion, cipherSuites, keyExchanges },
    tlsLookMs: config.tls.lookEveryMs,
  };
}

function originOf(config: ListenerConfig): string {
  return `${config.tls.disabled ? 'http' : 'https'}://${shown(config.address)}`;
}

function shown({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
