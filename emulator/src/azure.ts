// Puts the local Azure together and starts it: this file alone names all its parts.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminHandler } from './admin/handler.ts';
import { aksHandler } from './aks/handler.ts';
import { AksIssuer } from './aks/issuer.ts';
import { Subscription } from './arm/domain.ts';
import { armHandler } from './arm/handler.ts';
import type { Certificates } from './certificates.ts';
import { type Clock, MovableClock, systemClock } from './clock.ts';
import { Directory } from './entra/directory.ts';
import { Entra } from './entra/domain.ts';
import { entraHandler } from './entra/handler.ts';
import { TokenIssuer } from './entra/tokens.ts';
import { FaultBook } from './faults.ts';
import { type Front, httpsFront, imdsFront } from './front.ts';
import { graphHandler } from './graph/handler.ts';
import { forwardTarget, tunnelTarget } from './hosts.ts';
import { type Listener, listen } from './http/listener.ts';
import { listenAsProxy } from './http/proxy.ts';
import { Machine } from './imds/domain.ts';
import { APP_SERVICE_PATH, imdsHandler } from './imds/handler.ts';
import { Journal } from './journal.ts';
import { keyVaultHandler } from './key-vault/handler.ts';
import { Throttle } from './key-vault/throttle.ts';
import { peeker } from './peek.ts';
import { RoleBook } from './rbac/domain.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { makeShortcuts, type Shortcuts } from './shortcuts.ts';
import { type Base, type Keeper, keep, prepareState } from './state/keeper.ts';

export interface AzureOptions {
  /** Ports; 0, the default, takes any free one. */
  port?: number;
  imdsPort?: number;
  adminPort?: number;
  proxyPort?: number;
  /** Also plays the public cloud's host names, for clients that are led here by the proxy or a hosts file. */
  intercept?: boolean;
  /** A folder that outlives the process, kill -9 included; default: state in memory, gone with it. */
  data?: string;
  /** Where to write the CA certificate; default: a fresh folder in the temporary directory, gone after close(). */
  caFile?: string;
  /** GUIDs; default: fresh ones. */
  tenantId?: string;
  subscriptionId?: string;
  /** What the emulator's clock stands on; default: the machine's. */
  clock?: Clock;
  /** Of the dice that faults by percentage throw; default: a fresh one. */
  seed?: number;
  settings?: Partial<Settings>;
}

export interface Operator {
  clientId: string;
  clientSecret: string;
  objectId: string;
}

export interface Azure extends Shortcuts {
  tenantId: string;
  subscriptionId: string;
  /** HTTPS port of Entra, ARM and Key Vault. */
  port: number;
  /** https://localhost:port */
  authorityUrl: string;
  armUrl: string;
  /** What tokens for Key Vault are asked for: https://vault.localhost:port */
  keyVaultAudience: string;
  /** The issuer of aksToken(), for a federated credential; the slash at its end belongs to it. */
  aksIssuerUrl: string;
  /** https://name.vault.localhost:port */
  vaultUri(name: string): string;
  caFile: string;
  caPem: string;
  /** http://127.0.0.1:port, for AZURE_POD_IDENTITY_AUTHORITY_HOST. */
  imdsUrl: string;
  /** http://127.0.0.1:port, for HTTPS_PROXY: leads to this emulator and nowhere else. */
  proxyUrl: string;
  adminUrl: string;
  adminToken: string;
  intercept: boolean;
  /** A service principal that is Owner of the subscription. */
  operator: Operator;
  /** The machine's own (system-assigned) identity. */
  systemAssigned: { clientId: string; principalId: string };
  faults: FaultBook;
  journal: Journal;
  /** Live: changing a member takes effect with the next request. */
  settings: Settings;
  /** Moves on tokens, validity, rotation and retention alike. */
  clock: MovableClock;
  machine: Machine;
  /** For IDENTITY_ENDPOINT, with `identityHeader` for IDENTITY_HEADER: the first machine in the form of App Service. */
  identityEndpoint: string;
  /** A secret of the machine. */
  identityHeader: string;
  /** Another machine with identities of its own, on a port of its own; it goes with the process. */
  addMachine(name: string): Promise<MachineDoor>;
  /** All that is there now, private keys included, for restore(). A secret. */
  snapshot(): string;
  /** Puts everything back as it was; tokens and connections that are out stay. */
  restore(snapshot: string): void;
  /** Writes what the shortcuts have changed into the data folder; requests do it by themselves. */
  save(): void;
  /** Stops everything; open and hanging connections are cut. */
  close(): Promise<void>;
}

/** A machine as its programs see it. */
export interface MachineDoor {
  /** Its own (system-assigned) identity. */
  clientId: string;
  principalId: string;
  /** http://127.0.0.1:port, for AZURE_POD_IDENTITY_AUTHORITY_HOST. */
  imdsUrl: string;
  identityEndpoint: string;
  identityHeader: string;
  /** User-assigned identities by their object id. */
  attach(principalId: string): void;
  detach(principalId: string): boolean;
}

/** Starts a local Azure on loopback. Without a data folder its state is in memory. Not for production. */
export async function startAzure(options: AzureOptions = {}): Promise<Azure> {
  const clock = new MovableClock(options.clock ?? systemClock);
  const base = await prepareState(options);
  try {
    return await launch(options, clock, base);
  } catch (error) {
    base.folder?.close();
    throw error;
  }
}

async function launch(options: AzureOptions, clock: MovableClock, base: Base): Promise<Azure> {
  const { certificates, folder } = base;
  const parts = makeParts(options, clock, base);
  const keeper = keep({ ...parts, clock }, base);
  const ca = await writeCa(options.caFile, certificates.caPem);
  const closing = new AbortController();
  // Each hanging request listens on it; there may be many, and that is no leak.
  setMaxListeners(0, closing.signal);
  const adminToken = randomBytes(24).toString('base64url');
  const listeners: Listener[] = [];
  const close = async () => {
    closing.abort();
    await Promise.all(listeners.map((listener) => listener.close()));
    keeper.save();
    folder?.close();
    await ca.remove();
  };
  try {
    const house = { options, parts, clock, certificates, keeper, adminToken, closing: closing.signal };
    const { https, imds, proxy, admin } = await openDoors(house, listeners);
    return {
      ...describe(parts, https.port),
      ...makeShortcuts({ ...parts, clock, port: https.port }),
      caFile: ca.file,
      caPem: certificates.caPem,
      ...doorOf(parts.machine, imds.port),
      addMachine: (name) => addMachine(house, listeners, name),
      proxyUrl: `http://127.0.0.1:${proxy.port}`,
      adminUrl: `http://127.0.0.1:${admin.port}`,
      adminToken,
      clock,
      intercept: options.intercept === true,
      snapshot: keeper.snapshot,
      restore: keeper.restore,
      save: keeper.save,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface House {
  options: AzureOptions;
  parts: Parts;
  clock: MovableClock;
  certificates: Certificates;
  keeper: Keeper;
  adminToken: string;
  closing: AbortSignal;
}

/** Opens one door after the other; those that are open are in `listeners`, also when a later one fails. */
async function openDoors(house: House, listeners: Listener[]) {
  const { options, parts, clock, certificates, keeper, adminToken } = house;
  const intercept = options.intercept === true;
  const opened = async (opening: Promise<Listener>) => {
    const listener = await opening;
    listeners.push(listener);
    return listener;
  };
  const front = frontOf(house);
  const https = await opened(
    listen({
      port: options.port ?? 0,
      tls: { key: certificates.leafKeyPem, cert: certificates.leafPem },
      handle: httpsFront(front, services(house)),
    }),
  );
  parts.entra.httpsPort = https.port;
  parts.aks.httpsPort = https.port;
  await keeper.start();
  Object.assign(parts.settings, options.settings);
  const imds = await opened(openImds(house, parts.machine, options.imdsPort ?? 0));
  const proxy = await opened(
    listenAsProxy({
      port: options.proxyPort ?? 0,
      tunnel: (host, port) => tunnelTarget({ host, port }, https.port, intercept),
      forward: (host, port) => forwardTarget({ host, port }, imds.port),
    }),
  );
  const { directory } = parts.entra;
  const handle = adminHandler({ ...parts, directory, clock, token: adminToken, save: keeper.save });
  const admin = await opened(listen({ port: options.adminPort ?? 0, handle }));
  return { https, imds, proxy, admin };
}

function frontOf({ options, parts, clock, keeper, closing }: House): Front {
  const intercept = options.intercept === true;
  return { ...parts, clock, closing, intercept, peek: peeker(parts), save: keeper.save };
}

function openImds(house: House, machine: Machine, port: number): Promise<Listener> {
  const { entra, settings } = house.parts;
  return listen({ port, handle: imdsFront(frontOf(house), imdsHandler(machine, entra, settings)) });
}

async function addMachine(house: House, listeners: Listener[], name: string): Promise<MachineDoor> {
  const machine = new Machine(house.parts.entra.directory, name);
  const listener = await openImds(house, machine, 0);
  listeners.push(listener);
  const { clientId, objectId } = machine.systemAssigned;
  return {
    clientId,
    principalId: objectId,
    ...doorOf(machine, listener.port),
    attach: (principalId) => machine.attach(principalId),
    detach: (principalId) => machine.detach(principalId),
  };
}

function doorOf(machine: Machine, port: number) {
  const imdsUrl = `http://127.0.0.1:${port}`;
  const { identityHeader } = machine;
  return { imdsUrl, identityEndpoint: `${imdsUrl}/${APP_SERVICE_PATH}`, identityHeader };
}

interface Parts {
  entra: Entra;
  aks: AksIssuer;
  machine: Machine;
  roles: RoleBook;
  subscription: Subscription;
  operator: Operator;
  faults: FaultBook;
  journal: Journal;
  settings: Settings;
}

function makeParts(options: AzureOptions, clock: Clock, base: Base): Parts {
  const { tenantId, subscriptionId, saved } = base;
  const directory = new Directory();
  const entra = new Entra(directory, new TokenIssuer(tenantId, clock), clock, base.certificates.caPem);
  const machine = new Machine(directory);
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const roles = new RoleBook({
    now: () => clock.now(),
    delayMs: () => settings.rolePropagationSeconds * 1000,
  });
  const subscription = new Subscription({ subscriptionId, directory, machine, roles, clock });
  const principal = directory.add({ displayName: 'operator', kind: 'Application' });
  directory.administrators.add(principal.objectId);
  const { assignment } = subscription.assign({
    scope: subscription.id,
    principalId: principal.objectId,
    role: 'Owner',
    createdBy: principal.objectId,
  });
  // It has spread long since, however slowly assignments spread.
  assignment.createdAt -= 86_400_000;
  return {
    entra,
    aks: new AksIssuer(tenantId, clock),
    machine,
    roles,
    subscription,
    operator: saved?.operator ?? {
      clientId: principal.clientId,
      objectId: principal.objectId,
      clientSecret: directory.credentials.addSecret(principal.clientId).secret,
    },
    faults: new FaultBook(options.seed),
    journal: new Journal(),
    settings,
  };
}

function services({ parts, clock, keeper }: House) {
  const { entra, aks, roles, settings, subscription } = parts;
  const throttle = new Throttle(settings);
  return {
    aks: aksHandler(aks),
    entra: entraHandler(entra, clock),
    arm: armHandler(subscription, entra),
    graph: graphHandler(entra, clock),
    keyVault: keyVaultHandler({
      vaults: subscription.vaults,
      roles,
      entra,
      settings,
      throttle,
      clock,
      backupKey: () => subscription.backupKey,
      save: keeper.save,
    }),
  };
}

function describe(parts: Parts, port: number) {
  const { entra, aks, machine, subscription, operator, faults, journal, settings } = parts;
  const origin = `https://localhost:${port}`;
  return {
    tenantId: entra.tenantId,
    subscriptionId: subscription.subscriptionId,
    port,
    authorityUrl: origin,
    armUrl: origin,
    keyVaultAudience: `https://vault.localhost:${port}`,
    aksIssuerUrl: aks.url,
    vaultUri: (name: string) => `https://${name}.vault.localhost:${port}`,
    operator,
    systemAssigned: {
      clientId: machine.systemAssigned.clientId,
      principalId: machine.systemAssigned.objectId,
    },
    faults,
    journal,
    settings,
    machine,
  };
}

/** Removes what it made itself, never a file that the caller named. */
async function writeCa(file: string | undefined, pem: string) {
  if (file !== undefined) {
    await writeFile(file, pem);
    return { file, remove: async () => undefined };
  }
  const folder = await mkdtemp(join(tmpdir(), 'azure-emulator-'));
  const made = join(folder, 'ca.pem');
  await writeFile(made, pem);
  return { file: made, remove: () => rm(folder, { recursive: true, force: true }) };
}
