import type { TaskEvent, Writing } from "@farhand/protocol";

/** From a tab to the hub. */
export type FromTab =
  | { type: "watch-list" }
  /** All events of a task after `after`; watching it again replaces the former wish of this tab. */
  | { type: "watch-task"; task: string; after: number }
  | { type: "leave-task"; task: string }
  /** Whoever used this browser has left: nothing of theirs is kept, and no tab goes on. */
  | { type: "signed-out" }
  /** The tab closes. */
  | { type: "leave" };

/** From the hub to a tab. */
export type ToTab =
  /** A task as it is now; not checked yet. */
  | { type: "changed"; task: unknown }
  /** From now on each change of the list is told: what was read of it before may be out of date. */
  | { type: "list-followed" }
  | { type: "events"; task: string; events: TaskEvent[] }
  /** What a model writes at this moment; some may be missed. */
  | { type: "writing"; task: string; writing: Writing }
  | { type: "connection"; state: "open" | "lost"; detail: string }
  /** The service refuses this stream; it is not tried again. */
  | { type: "refused"; task: string | null; status: number; detail: string };
