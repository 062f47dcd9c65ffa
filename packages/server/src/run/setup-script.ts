import { exitInWords } from "@farhand/protocol";
import type { Secret } from "../domain/secret.ts";
import type { OutputSink } from "../engine/engine.ts";
import { shownOutput } from "../engine/tools/output.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { maskedOutput } from "./masked-output.ts";
import { RunFailed, type RunLog } from "./run-log.ts";

const TAIL_CHARS = 4000;
const TAIL_LINES = 30;
const SHELL = 'if [ -x /bin/bash ]; then exec /bin/bash -e -c "$1" "$0"; fi; exec /bin/sh -e -c "$1" "$0"';

export type SetupScript = {
  name: "setup" | "maintenance";
  text: string;
  /** Where it begins: the working tree. */
  folder: string;
  secrets: readonly { name: string; value: Secret }[];
  limitMs: number;
};

/**
 * Runs a script of the environment in the sandbox, its output live in the run's log and whole in the sink, the secrets' values masked in both.
 * Throws RunFailed `setup-failed` unless it ends with 0.
 */
export async function runSetupScript(
  sandbox: Sandbox,
  script: SetupScript,
  log: RunLog,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<void> {
  await log.append([{ type: "setup.started", script: script.name, text: script.text }]);
  const startedAt = performance.now();
  const stop = new AbortController();
  const variables = Object.fromEntries(script.secrets.map(({ name, value }) => [name, value.reveal()]));
  const argv = ["/bin/sh", "-c", SHELL, script.name, script.text] as const;
  const execution = sandbox.exec(
    { argv, cwd: script.folder, variables, timeoutMs: script.limitMs },
    AbortSignal.any([signal, stop.signal]),
  );
  execution.exit.catch(() => {}); // it rejects together with the output, and then nobody waits for it
  let tail = "";
  try {
    const output = maskedOutput(
      execution.output,
      script.secrets.map(({ value }) => value),
    );
    const said = (text: string) => {
      tail = (tail + text).slice(-TAIL_CHARS);
    };
    for await (const shown of shownOutput(output, (bytes) => sink.write(bytes), said))
      await log.append([{ type: "setup.output", ...shown }]);
    const exit = await execution.exit;
    signal.throwIfAborted();
    const stored = await sink.close();
    await log.append([{ type: "setup.finished", exit, durationMs: Math.round(performance.now() - startedAt), output: stored }]);
    if (exit.kind === "exited" && exit.code === 0) return;
    const how = exit.kind === "timed-out" ? `took longer than its limit of ${Math.round(script.limitMs / 60_000)} min` : exitInWords(exit);
    throw new RunFailed({ kind: "setup-failed", script: script.name, how, tail: lastLines(tail) });
  } finally {
    stop.abort();
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
