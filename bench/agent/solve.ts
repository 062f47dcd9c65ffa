import { join } from "node:path";
import { type Client, emptyTranscript, reduce, type TranscriptView } from "@farhand/protocol";
import type { Case } from "./cases.ts";
import { bareRepository, commitFiles } from "./commit.ts";

/** What an agent made of a case. Tokens and money are null where the provider did not say. */
export type Result = {
  solved: boolean;
  /** Why not, in a few words; empty when it is. */
  detail: string;
  steps: number;
  inputTokens: number | null;
  outputTokens: number | null;
  costUsd: number | null;
  ms: number;
  /** For looking it up. */
  task: string;
};

/**
 * Gives a case to a model as a task, publishes what it made, and lets the hidden check judge it: as a task of the model `script` at a commit with
 * the check laid over, so that what a model wrote runs in a sandbox only. `folder` takes the case's repository.
 */
export async function solve(client: Client, one: Case, model: string, folder: string, signal: AbortSignal): Promise<Result> {
  const repository = join(folder, `${one.name}.git`);
  await bareRepository(repository, signal);
  await commitFiles(repository, "main", null, one.repository, signal);
  const environment = await client.createEnvironment({ name: one.name, repository, publish: "always" });

  const startedAt = performance.now();
  const { id } = await client.createTask({ environment: environment.id, prompt: one.prompt, model, mode: one.about.mode });
  const { publication, attempt } = await finished(client, id, signal);
  const ms = performance.now() - startedAt;
  const measured = {
    steps: attempt.steps,
    inputTokens: attempt.usage.inputTokens,
    outputTokens: attempt.usage.outputTokens,
    costUsd: attempt.usage.costUsd,
    ms,
    task: id,
  };
  const { state } = attempt;
  if (state.state !== "succeeded")
    return { solved: false, detail: state.state === "failed" ? state.reason.kind : state.state, ...measured };

  if (publication?.state === "failed") return { solved: false, detail: `publication: ${publication.detail}`, ...measured };
  const answer = attempt.items.findLast((item) => item.kind === "message")?.text ?? "";
  const over = one.about.mode === "ask" ? [...one.check, { path: "answer.md", bytes: Buffer.from(answer) }] : one.check;
  await commitFiles(repository, "check", publication?.branch ?? "main", over, signal);
  const check = await client.createTask({ environment: environment.id, prompt: "```sh\nsh check.sh\n```", model: "script", ref: "check" });
  const judged = (await finished(client, check.id, signal)).attempt.state;
  return {
    solved: judged.state === "succeeded",
    detail: judged.state === "succeeded" ? "" : `the check failed (${check.id})`,
    ...measured,
  };
}

/** The task when its attempt has ended, and its publication too where there is one. */
async function finished(client: Client, id: string, signal: AbortSignal) {
  const view: TranscriptView = emptyTranscript();
  for await (const event of client.events(id, { signal })) {
    reduce(view, event);
    const [attempt] = view.attempts;
    const ended = attempt && ["succeeded", "failed", "cancelled"].includes(attempt.state.state);
    if (!ended) continue;
    const { publication } = await client.task(id, signal); // asked for in the same transaction, but told of by a later event
    if (publication === null || publication.state === "published" || publication.state === "failed") return { publication, attempt };
  }
  signal.throwIfAborted();
  throw new Error("the events ended before the task did");
}
