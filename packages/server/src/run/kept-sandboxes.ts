import type { Logger } from "pino";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Checkpoints } from "./checkpoint.ts";

/** The sandbox of an attempt that has come to its end, as the agent left it, with all that it stands on. Disposal of `made` ends it. */
export type Kept = {
  taskId: string;
  attemptId: string;
  /** What it was made by, in one line. Who would have made it by other terms has no use for it. */
  terms: string;
  sandbox: Sandbox;
  checkpoints: Checkpoints;
  made: AsyncDisposable;
};

/** More are not kept by one worker, whatever its places: each holds memory. */
const MOST_KEPT = 4;

/**
 * The sandboxes that a worker keeps for a while, for the turn that may follow: known to this process alone, so that they are gone with it. In none of them
 * does anybody work, and none reaches the network. Disposal ends them all, and those that are brought afterwards.
 */
export interface KeptSandboxes extends AsyncDisposable {
  /** Takes it over. Beyond what there is room for, the oldest go. */
  keep(kept: Kept): Promise<void>;
  has(attemptId: string): boolean;
  /** Hands one over to whoever goes on with the attempt; null = there is none of these terms. One of other terms is ended. */
  take(attemptId: string, terms: string): Kept | null;
  /** Ends those beyond so many, the oldest first, but not the one of this attempt. */
  makeRoom(places: number, but: string | null): void;
  /** Ends that of an attempt, where there is one. */
  drop(attemptId: string): void;
  /** Ends those of a task, or of all; resolves with their number when they are gone. */
  dropAll(taskId?: string): Promise<number>;
}

/** `room`: how many may be kept at the moment. */
export function keptSandboxes(keepMs: number, room: () => number, log: Logger): KeptSandboxes {
  const kept = new Map<string, Kept & { timer: NodeJS.Timeout }>(); // in the order in which they came
  const ending = new Set<Promise<void>>();
  let isOver = false;

  function end({ attemptId, made }: Kept): Promise<void> {
    const ended = Promise.resolve(made[Symbol.asyncDispose]())
      .catch((error) => log.warn({ err: error, attempt: attemptId }, "a sandbox that was kept could not be removed"))
      .finally(() => ending.delete(ended));
    ending.add(ended);
    return ended;
  }

  function remove(attemptId: string): Kept | null {
    const one = kept.get(attemptId);
    if (!one) return null;
    clearTimeout(one.timer);
    kept.delete(attemptId);
    return one;
  }

  function drop(attemptId: string): Promise<void> | null {
    const one = remove(attemptId);
    return one && end(one);
  }

  function makeRoom(places: number, but: string | null): void {
    const others = [...kept.keys()].filter((id) => id !== but);
    for (const id of others.slice(0, Math.max(0, others.length - Math.max(0, Math.min(places, MOST_KEPT))))) void drop(id);
  }

  async function dropAll(taskId?: string): Promise<number> {
    const all = [...kept.values()].filter((one) => taskId === undefined || one.taskId === taskId);
    await Promise.all(all.map(({ attemptId }) => drop(attemptId)));
    return all.length;
  }

  return {
    async keep(one) {
      const isOut = await one.sandbox.watchedBy(null).then(
        () => one.sandbox.lost.aborted,
        () => true,
      );
      if (isOut || isOver || keepMs === 0) return end(one);
      const { attemptId, sandbox } = one;
      const timer = setTimeout(() => void drop(attemptId), keepMs).unref();
      kept.set(attemptId, { ...one, timer });
      sandbox.lost.addEventListener("abort", () => kept.get(attemptId)?.sandbox === sandbox && void drop(attemptId), { once: true });
      makeRoom(room(), null);
    },
    has: (attemptId) => kept.has(attemptId),
    take(attemptId, terms) {
      const one = remove(attemptId);
      if (one === null || one.terms === terms) return one;
      void end(one);
      return null;
    },
    makeRoom,
    drop: (attemptId) => void drop(attemptId),
    dropAll,
    async [Symbol.asyncDispose]() {
      isOver = true;
      await dropAll();
      await Promise.all(ending);
    },
  };
}
