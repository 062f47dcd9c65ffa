import type { TokenScope } from "@farhand/protocol";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);
/** What is beneath these is the control of tasks. */
const TASKS = /^\/api\/v1\/tasks(\/|$)/;

/** Whether a token of this scope may be used here; what is not known to be harmless is not. `route` is the path with its parameters' names. */
export function isWithin(scope: TokenScope, method: string, route: string): boolean {
  return scope === "all" || READS.has(method) || (scope === "tasks" && TASKS.test(route));
}
