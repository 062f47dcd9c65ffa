import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { CommandFailed, runInSandbox } from "./sandbox-git.ts";

test("a command that prints without end is ended, and does not fill the worker's memory", async () => {
  const chunk = new Uint8Array(4 * 1024 * 1024);
  const stopped = Promise.withResolvers<{ kind: "cancelled" }>();
  const sandbox = {
    exec(_: unknown, signal: AbortSignal) {
      signal.addEventListener("abort", () => stopped.resolve({ kind: "cancelled" }));
      const output = (async function* () {
        for (;;) yield { stream: "stdout", bytes: chunk };
      })();
      return { output, exit: stopped.promise };
    },
  } as unknown as Sandbox;
  const running = runInSandbox(sandbox, { argv: ["git", "ls-files"], cwd: "/" }, new AbortController().signal);
  await assert.rejects(running, (error: unknown) => error instanceof CommandFailed && /git printed more than 256 MiB/.test(error.message));
  assert.deepEqual(await stopped.promise, { kind: "cancelled" });
});
