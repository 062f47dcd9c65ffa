import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventBody, emptyTranscript, reduce } from "@farhand/protocol";
import { transcriptMarkdown } from "./transcript-text.ts";

function markdownOf(bodies: readonly EventBody[]): string {
  const view = emptyTranscript();
  for (const [index, body] of bodies.entries()) {
    const ofTask = /^(task|turn)\./.test(body.type);
    const place = ofTask ? { turn: null, attempt: null, run: null } : { turn: 1, attempt: 1, run: 1 };
    reduce(view, { task: "t", seq: index + 1, at: "2026-01-02T03:04:05.000Z", ...place, body });
  }
  return transcriptMarkdown(view);
}

const begun: EventBody[] = [
  {
    type: "task.created",
    title: "Mend it",
    mode: "code",
    model: "script",
    environment: "shop",
    environmentVersion: 1,
    attempts: 1,
    by: "Ada",
  },
  { type: "turn.started", turn: 1, prompt: "Mend it", by: "Ada" },
];
const finished = { isError: false, exit: { kind: "exited", code: 0 }, durationMs: 1, output: null } as const;

test("what a command printed stands there as a terminal showed it in the end: no colours, no states of a progress bar", () => {
  const text = markdownOf([
    ...begun,
    { type: "tool.started", step: 1, call: "1.1", tool: "shell", input: { command: "make" } },
    { type: "tool.output", call: "1.1", stream: "stdout", text: "10 %\r50 %\rdone\r\n\u001b[32m3 passed\u001b[0m\n" },
    { type: "tool.finished", call: "1.1", result: "", ...finished },
  ]);
  assert.ok(text.includes("```sh\nmake\n```\n\n```\ndone\n3 passed\n```\n\nexit 0"), text);
});

test("arguments of several lines are as readable as they were written", () => {
  const input = { path: "a.ts", old_text: "one\n```\n", new_text: "two" };
  const text = markdownOf([
    ...begun,
    { type: "tool.started", step: 1, call: "1.1", tool: "edit", input },
    { type: "tool.finished", call: "1.1", result: "Edited.", ...finished },
  ]);
  assert.ok(text.includes('```json\n{\n  "path": "a.ts",\n  "new_text": "two"\n}\n```\n\n`old_text`:\n\n````\none\n```\n````'), text);
});

test("a plan is a list to tick off; the end says how the checks went", () => {
  const steps = [
    { step: "Look", status: "completed" },
    { step: "Mend\n# it", status: "in_progress" },
  ];
  const text = markdownOf([
    ...begun,
    { type: "tool.started", step: 1, call: "1.1", tool: "update_plan", input: { steps } },
    { type: "tool.finished", call: "1.1", result: "Shown.", ...finished },
    { type: "tool.started", step: 2, call: "2.check1", tool: "check", input: { command: "make test" } },
    { type: "tool.finished", call: "2.check1", result: "", ...finished },
  ]);
  assert.ok(text.includes("- [x] Look\n- [ ] Mend # it (now)\n\n```sh\nmake test"), text);
  assert.match(text, /the check passed · /);
});

test("how an attempt ended stands there once, and what it asks", () => {
  const failed: EventBody = { type: "attempt.failed", reason: { kind: "gave-up", detail: "exit 1" }, patch: null, stats: null };
  for (const end of [failed, { type: "attempt.cancelled" } as const]) {
    assert.equal(markdownOf([...begun, end]).match(/stopped by the agent: exit 1|cancelled/g)?.length, 1);
  }
  const stats = { files: 0, added: 0, removed: 0 };
  const asks: EventBody = { type: "attempt.awaiting", question: "Red\nor blue?", options: [], patch: "p", stats };
  assert.match(markdownOf([...begun, asks]), /_asks: Red or blue\?: 0 files changed/);
});
