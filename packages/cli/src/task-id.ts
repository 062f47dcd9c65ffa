import { ApiError, type Client, type TaskSummary } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { safeLine } from "./safe-text.ts";

const PAGE = 100;
const MAX_PAGES = 50;

/** The id in what a user may paste: an id, the beginning of one (with or without `task_`), or an address that ends with one. */
export function idIn(text: string): string {
  const id = text
    .trim()
    .replace(/[?#].*$/, "")
    .replace(/\/+$/, "")
    .split("/")
    .at(-1);
  if (!id || !/^[\w-]+$/.test(id))
    throw new Failure(`${JSON.stringify(text)} is no task: give an id from "farhand list", its beginning, or its address`, USAGE);
  return id;
}

/** Finds the task that is meant. Throws Failure if there is none, or more than one begins so. */
export async function findTask(client: Client, text: string): Promise<TaskSummary> {
  const id = idIn(text);
  try {
    return await client.task(id);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
  const found = new Map<string, TaskSummary>();
  for (const archived of [false, true])
    for await (const task of allTasks(client, archived)) if (begins(task.id, id)) found.set(task.id, task);
  const [only, ...others] = found.values();
  if (!only) throw new Failure(`there is no task ${id}: "farhand list" shows what there is`);
  if (others.length === 0) return only;
  const shown = [only, ...others].slice(0, 10).map((task) => `  ${task.id}  ${safeLine(task.title)}`);
  throw new Failure(`${found.size} tasks begin with ${id}:\n${shown.join("\n")}\nGive more of the id.`);
}

function begins(full: string, part: string): boolean {
  return full.startsWith(part) || full.slice(full.indexOf("_") + 1).startsWith(part);
}

async function* allTasks(client: Client, archived: boolean): AsyncGenerator<TaskSummary> {
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const { tasks, cursor: next } = await client.tasks({ limit: PAGE, archived, ...(cursor ? { cursor } : {}) });
    yield* tasks;
    if (!next) return;
    cursor = next;
  }
}
