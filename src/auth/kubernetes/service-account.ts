// What a service account's token says about its bearer: in the form of projected tokens, and in that of the older ones
// that lie in secrets. Kubernetes: "Configure Service Accounts for Pods", BoundServiceAccountTokenVolume.

import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';

export interface ServiceAccount {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** The secret that an older token lies in; empty for projected ones. */
  readonly secretName: string;
}

const LEGACY = 'kubernetes.io/serviceaccount/';

/** Members that are missing or no text are empty, and fit nothing. */
export function serviceAccountOf(claims: JsonObject): ServiceAccount {
  const legacy = (name: string) => textOf(claims[LEGACY + name]);
  const { 'kubernetes.io': projected } = claims;
  if (!isObject(projected)) {
    return {
      name: legacy('service-account.name'),
      namespace: legacy('namespace'),
      uid: legacy('service-account.uid'),
      secretName: legacy('secret.name'),
    };
  }
  const account = projected['serviceaccount'];
  const { name, uid } = isObject(account) ? account : {};
  return {
    name: textOf(name),
    namespace: textOf(projected['namespace']),
    uid: textOf(uid),
    secretName: legacy('secret.name'),
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
