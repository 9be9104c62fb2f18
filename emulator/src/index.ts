// The contract of @latchkey/azure-emulator: start a local Azure from a test.

export type { AksTokenRequest } from './aks/issuer.ts';
export type { Application, NewFederatedCredential } from './application-shortcuts.ts';
export { type Azure, type AzureOptions, type MachineDoor, type Operator, startAzure } from './azure.ts';
export { type ClientCertificatePem, makeClientCertificate } from './certificates.ts';
export type { Clock } from './clock.ts';
export type { Fault, FaultKind, FaultSpec } from './faults.ts';
export type { JournalEntry, JournalFilter } from './journal.ts';
export type { KeyOptions, KeyShortcuts, KeyView } from './key-shortcuts.ts';
export type { Settings } from './settings.ts';
export type { NewRole, SecretShortcuts, Shortcuts, VaultOptions } from './shortcuts.ts';
