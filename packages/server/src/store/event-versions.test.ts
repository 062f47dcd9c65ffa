import assert from "node:assert/strict";
import { test } from "node:test";
import { EventBody } from "@farhand/protocol";
import { EVENT_VERSION, readEvent } from "./event-versions.ts";

const usage = { inputTokens: 900, cachedTokens: null, outputTokens: 40, reasoningTokens: null, costUsd: 0.01 };
const output = { blob: "blob_1", bytes: 12, truncated: false };
const stats = { files: 1, added: 1, removed: 0 };

/** As the version of the key wrote them: never to be changed, only added to. */
const SAMPLES: Record<number, object[]> = {
  1: [
    { type: "step.started", step: 1, model: "script" },
    { type: "step.finished", step: 1, usage, durationMs: 3 },
    { type: "step.answered", step: 1, usage, durationMs: 3 },
    { type: "message", step: 1, text: "Done." },
    { type: "tool.started", step: 1, call: "1", tool: "shell", input: { command: "true" } },
    { type: "tool.output", call: "1", stream: "stdout", text: "x" },
    { type: "tool.output", call: "1", stream: "stderr", text: "x", dropped: 3 },
    { type: "tool.finished", call: "1", isError: false, result: "x", exit: { kind: "exited", code: 0 }, durationMs: 3, output },
    {
      type: "tool.finished",
      call: "1",
      isError: true,
      result: "x",
      exit: { kind: "signalled", signal: "SIGKILL" },
      durationMs: 3,
      output: null,
    },
    { type: "tool.finished", call: "1", isError: true, result: "x", exit: null, durationMs: 3, output: null },
    { type: "engine.stopped", reason: "done", detail: "Ran 1 block; all passed.", steps: 2 },
    { type: "run.started", worker: "one" },
    { type: "run.interrupted", detail: "worker one was lost" },
    { type: "phase.started", phase: "checkout", limitMs: 1000 },
    { type: "phase.progress", phase: "checkout", text: "50 %" },
    { type: "phase.finished", phase: "checkout", durationMs: 3, note: "main at 0123456789" },
    { type: "setup.started", script: "setup", text: "npm ci" },
    { type: "setup.output", stream: "stdout", text: "x" },
    { type: "setup.finished", exit: { kind: "timed-out" }, durationMs: 3, output },
    {
      type: "network.request",
      method: "CONNECT",
      host: "example.org",
      port: 443,
      decision: "refused",
      rule: "none",
      reason: "no network",
      count: 1,
    },
    { type: "base.resolved", commit: "0123456789abcdef0123456789abcdef01234567", ref: "refs/heads/main" },
    { type: "attempt.succeeded", patch: "blob_2", bytes: 12, stats },
    { type: "attempt.failed", reason: { kind: "worker-lost", runs: 5 }, patch: null, stats: null },
    { type: "attempt.cancelled" },
    { type: "task.created", title: "x", mode: "code", model: "script", environment: "shop", environmentVersion: 1, attempts: 1, by: "Ada" },
    { type: "turn.started", turn: 1, prompt: "x", by: "Ada" },
    { type: "cancel.requested", by: "Ada" },
    { type: "task.archived", by: "Ada" },
    { type: "task.unarchived", by: "Ada" },
    { type: "publication.asked", branch: "farhand/x", by: "Ada" },
    { type: "publication.started", branch: "farhand/x" },
    { type: "publication.published", branch: "farhand/x", commit: "0123456789abcdef0123456789abcdef01234567" },
    { type: "publication.failed", branch: "farhand/x", detail: "refused" },
  ],
};

test("a stored event of every earlier form is read in the form of today", () => {
  assert.deepEqual(
    Object.keys(SAMPLES).map(Number),
    Array.from({ length: EVENT_VERSION - 1 }, (_, i) => i + 1),
    "each earlier version has samples",
  );
  for (const [version, bodies] of Object.entries(SAMPLES)) {
    for (const body of bodies) {
      const read = EventBody.safeParse(readEvent(Number(version), body));
      assert.ok(read.success, `version ${version}: ${JSON.stringify(body)}: ${read.error?.message}`);
    }
  }
});

test("what was renamed has its new name, and what is of today stays as it is", () => {
  assert.deepEqual(readEvent(1, { type: "step.finished", step: 2 }), { type: "step.answered", step: 2 });
  assert.deepEqual(readEvent(EVENT_VERSION, { type: "step.finished" }), { type: "step.finished" });
});
