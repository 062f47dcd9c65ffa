import { ApiError, type Client, type TaskSummary } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation, wholeNumber } from "../invocation.ts";
import { safe, safeLine } from "../safe-text.ts";
import type { Screen } from "../screen.ts";
import { findTask } from "../task-id.ts";

export type DiffOptions = { task: string; attempt?: string };

/** The change as git made it: byte for byte in a pipe, safe and coloured in a terminal. */
export async function diff(invocation: Invocation, options: DiffOptions): Promise<number> {
  const { task, attempt, patch } = await findPatch(await client(invocation), options);
  const { screen } = invocation;
  if (!invocation.json && !screen.interactive && !screen.colour) {
    await screen.out(patch);
    return 0;
  }
  const text = textOf(patch);
  const document = {
    task: task.id,
    attempt,
    encoding: text === null ? "base64" : "utf-8",
    patch: text ?? Buffer.from(patch).toString("base64"),
  };
  await answer(invocation, document, () => coloured(screen, text ?? new TextDecoder().decode(patch)));
  return 0;
}

/** The attempt of the last turn that is meant: the one named, else the chosen one, else the only one that has a result. Throws Failure where that is not clear. */
export function attemptMeant(task: TaskSummary, named: string | undefined): number {
  const number = named === undefined ? task.chosen : wholeNumber("--attempt", named);
  if (number !== null) {
    if (task.attempts.some((one) => one.number === number)) return number;
    throw new Failure(`Attempt ${number} not available; only ${task.attempts.length} attempt(s) found`);
  }
  const done = task.attempts.filter((one) => one.state === "succeeded");
  const [only = task.attempts[0]] = done;
  if (only && (done.length === 1 || task.attempts.length === 1)) return only.number;
  throw new Failure(`task ${task.id} has ${task.attempts.length} attempts: say which one is meant, with --attempt N`, USAGE);
}

/** The patch of the attempt that is meant. Throws Failure where there is none. */
export async function findPatch(farhand: Client, options: DiffOptions): Promise<{ task: TaskSummary; attempt: number; patch: Uint8Array }> {
  const task = await findTask(farhand, options.task);
  const attempt = attemptMeant(task, options.attempt);
  try {
    const patch = await farhand.patch(task.id, attempt);
    if (patch.byteLength > 0) return { task, attempt, patch };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error; // the task itself was found just now
  }
  const running = task.status === "running" || task.status === "waiting";
  throw new Failure(
    `No diff available for task ${task.id}; ${running ? "it may still be running." : `it is ${safeLine(task.status)} and has changed nothing.`}`,
  );
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Colours of a file are not passed on: in a diff, red and green have a meaning. */
function coloured(screen: Screen, text: string): string {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((raw) => {
      const line = safe(raw.replace(/\r$/, "").replaceAll("\x1b", "^[")) + (raw.endsWith("\r") ? "^M" : "");
      if (/^(diff |index |--- |\+\+\+ |new file|deleted file|old mode|new mode|similarity|rename|copy|GIT binary)/.test(line))
        return `${screen.style("bold", line)}\n`;
      if (line.startsWith("@@")) return `${screen.style("cyan", line)}\n`;
      if (line.startsWith("+")) return `${screen.style("green", line)}\n`;
      return `${line.startsWith("-") ? screen.style("red", line) : line}\n`;
    })
    .join("");
}
