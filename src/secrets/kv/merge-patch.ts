// JSON Merge Patch (RFC 7396), and the skeleton of a secret without its values.

import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/** `null` in the patch removes a member; objects are merged; everything else replaces. Neither argument is changed. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = isPlain(value) ? mergePatch(isPlain(merged[name]) ? merged[name] : {}, value) : value;
  }
  return merged;
}

/** Names alone: every leaf, and whatever lies deeper than `depth` levels (0: all the way), becomes null. */
export function subkeysOf(value: JsonObject, depth: number): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const goesOn = isPlain(member) && Object.keys(member).length > 0 && depth !== 1;
      return [name, goesOn ? subkeysOf(member, Math.max(0, depth - 1)) : null];
    }),
  );
}

/** A number that keeps its digits is an object to JavaScript, and a value to us. */
function isPlain(value: JsonValue | undefined): value is JsonObject {
  return isObject(value) && !JSON.isRawJSON(value);
}
