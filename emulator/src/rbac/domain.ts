// Who may do what where: role assignments, and the one decision that ARM and Key Vault both ask for.

import { BUILT_IN_ROLES, type RoleDefinition } from './roles.ts';

export interface RoleAssignment {
  /** GUID. */
  name: string;
  /** Resource id as given at creation; compared without regard to case. */
  scope: string;
  principalId: string;
  principalType: string;
  /** GUID of the role. */
  role: string;
  /** Milliseconds since the Unix epoch. */
  createdAt: number;
  createdBy: string;
}

export interface Question {
  principalId: string;
  action: string;
  /** Data actions (Key Vault's content) and actions (management) are separate lists: Owner has no data action. */
  plane: 'management' | 'data';
  /** Resource id. */
  resource: string;
}

/** How long a change of assignments takes to be felt. */
export interface Propagation {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  delayMs(): number;
}

export class RoleBook {
  readonly #propagation: Propagation;
  /** Removed ones, which are still felt for a while. */
  #fading: { assignment: RoleAssignment; removedAt: number }[] = [];
  readonly #customRoles = new Map<string, RoleDefinition>();
  readonly #assignments = new Map<string, RoleAssignment>();

  /** Without propagation everything is felt at once. */
  constructor(propagation: Propagation = { now: () => 0, delayMs: () => 0 }) {
    this.#propagation = propagation;
  }

  /** Built-in and custom ones. */
  get roles(): readonly RoleDefinition[] {
    return [...BUILT_IN_ROLES, ...this.#customRoles.values()];
  }

  /** Adds or replaces a custom role; what is allowed is the caller's to check. Assignments see it at once. */
  putRole(role: RoleDefinition): RoleDefinition {
    this.#customRoles.set(role.name, role);
    return role;
  }

  removeRole(name: string): boolean {
    return this.#customRoles.delete(name.toLowerCase());
  }

  /** The assignments that grant it; empty means denied. */
  grants(question: Question): RoleAssignment[] {
    return this.#felt().filter((assignment) => {
      if (assignment.principalId !== question.principalId.toLowerCase()) return false;
      if (!covers(assignment.scope, question.resource)) return false;
      const permissions = this.role(assignment.role)?.permissions;
      if (!permissions) return false;
      const [allowed, excepted] =
        question.plane === 'data'
          ? [permissions.dataActions, permissions.notDataActions]
          : [permissions.actions, permissions.notActions];
      return matchesAny(allowed, question.action) && !matchesAny(excepted, question.action);
    });
  }

  /** By GUID, full id or role name, without regard to case. */
  role(nameOrId: string): RoleDefinition | undefined {
    const wanted = nameOrId.toLowerCase();
    const last = wanted.slice(wanted.lastIndexOf('/') + 1);
    return this.roles.find((role) => role.name === last || role.roleName.toLowerCase() === wanted);
  }

  get(name: string): RoleAssignment | undefined {
    return this.#assignments.get(name.toLowerCase());
  }

  /** The one assignment of this role to this principal at exactly this scope. */
  find(scope: string, principalId: string, role: string): RoleAssignment | undefined {
    return [...this.#assignments.values()].find(
      (other) =>
        other.scope.toLowerCase() === scope.toLowerCase() &&
        other.principalId === principalId.toLowerCase() &&
        other.role === role,
    );
  }

  add(assignment: RoleAssignment): RoleAssignment {
    const added = {
      ...assignment,
      name: assignment.name.toLowerCase(),
      principalId: assignment.principalId.toLowerCase(),
    };
    this.#assignments.set(added.name, added);
    return added;
  }

  remove(name: string): RoleAssignment | undefined {
    const assignment = this.get(name);
    if (assignment) this.#drop(assignment);
    return assignment;
  }

  /** Removes all that the predicate picks; returns how many. */
  removeWhere(predicate: (assignment: RoleAssignment) => boolean): number {
    let removed = 0;
    for (const assignment of this.list()) {
      if (predicate(assignment) && this.#drop(assignment)) removed++;
    }
    return removed;
  }

  list(): RoleAssignment[] {
    return [...this.#assignments.values()];
  }

  dump() {
    return { assignments: this.list(), customRoles: [...this.#customRoles.values()] };
  }

  load(state: ReturnType<RoleBook['dump']>): void {
    this.#fading = [];
    this.#assignments.clear();
    for (const assignment of state.assignments) this.#assignments.set(assignment.name, assignment);
    this.#customRoles.clear();
    for (const role of state.customRoles) this.#customRoles.set(role.name, role);
  }

  #drop(assignment: RoleAssignment): boolean {
    const removedAt = this.#propagation.now();
    if (this.#propagation.delayMs() > 0) this.#fading.push({ assignment, removedAt });
    return this.#assignments.delete(assignment.name);
  }

  /** What counts now: not yet the newest, and still what has just been removed. */
  #felt(): RoleAssignment[] {
    const delay = this.#propagation.delayMs();
    if (delay === 0) {
      this.#fading = [];
      return this.list();
    }
    const now = this.#propagation.now();
    this.#fading = this.#fading.filter(({ removedAt }) => now < removedAt + delay);
    return [...this.list(), ...this.#fading.map(({ assignment }) => assignment)].filter(
      ({ createdAt }) => now >= createdAt + delay,
    );
  }
}

/** Whether a scope holds a resource: the same id or an ancestor, at a segment border, without regard to case. */
export function covers(scope: string, resource: string): boolean {
  const outer = scope.toLowerCase().replace(/\/+$/, '');
  const inner = resource.toLowerCase().replace(/\/+$/, '');
  return inner === outer || inner.startsWith(`${outer}/`);
}

/** Azure's wildcard: `*` stands for any run of characters, slashes too; no regard to case. */
export function matchesAny(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => {
    const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    return new RegExp(`^${source}$`, 'is').test(action);
  });
}
