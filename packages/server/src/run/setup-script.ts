import { exitInWords, type SetupScriptName } from "@farhand/protocol";
import type { Secret } from "../domain/secret.ts";
import { MOST_SETUP_VARIABLE_BYTES, readSetupVariables, type SetupVariables } from "../domain/setup-variables.ts";
import type { OutputSink } from "../engine/engine.ts";
import { shownOutput } from "../engine/tools/output.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { maskedOutput } from "./masked-output.ts";
import { RunFailed, type RunLog } from "./run-log.ts";
import { runInSandbox } from "./sandbox-git.ts";

const TAIL_CHARS = 4000;
const TAIL_LINES = 30;
const SHELL = 'if [ -x /bin/bash ]; then exec /bin/bash -e -c "$1" "$0"; fi; exec /bin/sh -e -c "$1" "$0"';

export type SetupScript = {
  name: SetupScriptName;
  text: string;
  /** What people see of it, if not its text. */
  shown?: string;
  /** Where it begins: the working tree. */
  folder: string;
  secrets: readonly { name: string; value: Secret }[];
  /** What scripts before it left in FARHAND_ENV. */
  variables: Readonly<Record<string, string>>;
  limitMs: number;
};

/**
 * Runs a script of the environment in the sandbox, its output live in the run's log and whole in the sink, the secrets' values masked in both.
 * Returns the variables that it wrote to the file FARHAND_ENV. Throws RunFailed `setup-failed` unless it ends with 0 and these are in order.
 */
export async function runSetupScript(
  sandbox: Sandbox,
  script: SetupScript,
  log: RunLog,
  sink: OutputSink,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const file = `/tmp/farhand-${script.name}.env`;
  await log.append([{ type: "setup.started", script: script.name, text: script.shown ?? script.text }]);
  const startedAt = performance.now();
  const stop = new AbortController();
  const secrets = Object.fromEntries(script.secrets.map(({ name, value }) => [name, value.reveal()]));
  const variables = { ...script.variables, ...secrets, FARHAND_ENV: file };
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
    const durationMs = Math.round(performance.now() - startedAt);
    const succeeded = exit.kind === "exited" && exit.code === 0;
    const left = succeeded ? await variablesIn(sandbox, file, script, signal) : null;
    const kept = left?.ok && Object.keys(left.variables).length > 0 ? { variables: left.variables } : {};
    await log.append([{ type: "setup.finished", exit, durationMs, output: stored, ...kept }]);
    if (left?.ok) return left.variables;
    const limit = `took longer than its limit of ${Math.round(script.limitMs / 60_000)} min`;
    const how = left ? `FARHAND_ENV ${left.fault}` : exit.kind === "timed-out" ? limit : exitInWords(exit);
    throw new RunFailed({ kind: "setup-failed", script: script.name, how, tail: left ? "" : lastLines(tail) });
  } finally {
    stop.abort();
  }
}

async function variablesIn(sandbox: Sandbox, file: string, { secrets }: SetupScript, signal: AbortSignal): Promise<SetupVariables> {
  const read = 'if [ -f "$0" ] && [ ! -L "$0" ]; then head -c "$1" -- "$0"; fi';
  const argv = ["sh", "-c", read, file, String(MOST_SETUP_VARIABLE_BYTES + 1)] as const;
  const bytes = await runInSandbox(sandbox, { name: "reading FARHAND_ENV", argv, cwd: "/" }, signal);
  const values = secrets.map(({ name, value }) => ({ name, value: value.reveal() }));
  return readSetupVariables(bytes.toString("utf8"), values);
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
