import { join } from "node:path";
import { type Client, emptyTranscript, reduce } from "@farhand/protocol";
import { bareRepository, commitFiles } from "./commit.ts";

/** Those of the programs that a sandbox does not have, found by looking in one. */
export async function missingPrograms(
  client: Client,
  folder: string,
  programs: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const repository = join(folder, "programs.git");
  await bareRepository(repository, signal);
  await commitFiles(repository, "main", null, [{ path: "README.md", bytes: Buffer.from("\n") }], signal);
  const environment = await client.createEnvironment({ name: "programs", repository });
  const look = `for name in ${programs.join(" ")}; do command -v "$name" >/dev/null || echo "missing $name"; done`;
  const { id } = await client.createTask({ environment: environment.id, prompt: `\`\`\`sh\n${look}\n\`\`\``, model: "script" });
  const view = emptyTranscript();
  for await (const event of client.events(id, { signal })) {
    const [attempt] = reduce(view, event).attempts;
    if (attempt?.state.state === "failed") throw new Error(`no sandbox to look in: ${attempt.state.reason.kind}`);
    if (attempt?.state.state !== "succeeded") continue;
    const printed = attempt.items.flatMap((item) => (item.kind === "command" ? item.output.map(({ text }) => text) : [])).join("");
    return new Set([...printed.matchAll(/^missing (\S+)$/gm)].map(([, name]) => name as string));
  }
  signal.throwIfAborted();
  throw new Error("the events ended before the task did");
}
