import assert from "node:assert/strict";
import { test } from "node:test";
import { subjectInWords, subjectOf, type ToolSubject } from "./tool-subject.ts";

const words = (tool: string, input: unknown) => {
  const subject = subjectOf(tool, input);
  assert.ok(subject.kind !== "other");
  return subjectInWords(subject);
};
const files = (subject: ToolSubject) => {
  assert.ok(subject.kind === "edit");
  return subject.files.map(({ path, deed, movedTo, added, removed, lines }) => ({
    file: `${deed} ${path}${movedTo ? ` -> ${movedTo}` : ""} +${added} -${removed}`,
    lines: lines.map(({ sign, text }) => `${sign}${text}`),
  }));
};

test("reading, searching, planning and processes in one line", () => {
  assert.equal(words("read_file", { path: "a.ts" }), "read a.ts");
  assert.equal(words("read_file", { path: "a.ts", first_line: 40 }), "read a.ts from line 40");
  assert.equal(words("search", { pattern: "to.al", path: "src", glob: "*.ts" }), "search to.al in src of *.ts");
  assert.equal(words("search", { glob: "*.ts" }), "list files of *.ts");
  const steps = [
    { step: "Look", status: "completed" },
    { step: "Mend", status: "in_progress" },
  ];
  assert.equal(words("update_plan", { steps }), "plan: 1 of 2 done · Mend");
  assert.equal(words("process", { id: 1 }), "look at process 1");
  assert.equal(words("process", { id: 1, input: "yes\n" }), "write to process 1: yes");
  assert.equal(words("process", { id: 1, signal: "SIGINT" }), "SIGINT to process 1");
});

test("an edit shows the lines that change, the others as they are", () => {
  assert.deepEqual(files(subjectOf("edit", { path: "a", old_text: "one\ntwo\nthree", new_text: "one\n2\n2.5\nthree" })), [
    { file: "change a +2 -1", lines: [" one", "-two", "+2", "+2.5", " three"] },
  ]);
  assert.deepEqual(files(subjectOf("edit", { path: "a", old_text: "x", new_text: "" })), [{ file: "change a +0 -1", lines: ["-x"] }]);
  assert.deepEqual(files(subjectOf("write_file", { path: "n", content: "1\n2\n" })), [{ file: "write n +2 -0", lines: ["+1", "+2"] }]);
});

test("a patch shows each of its files", () => {
  const input = [
    "*** Begin Patch",
    "*** Update File: a",
    "*** Move to: b",
    "@@ here",
    " x",
    "-y",
    "+z",
    "*** Delete File: c",
    "*** Add File: d",
    "+1",
    "*** End Patch",
  ].join("\n");
  assert.deepEqual(files(subjectOf("apply_patch", { input })), [
    { file: "change a -> b +1 -1", lines: [" x", "-y", "+z"] },
    { file: "remove c +0 -0", lines: [] },
    { file: "add d +1 -0", lines: ["+1"] },
  ]);
  assert.equal(words("apply_patch", { input }), "move a to b, remove c, add d");
});

test("arguments that are not the tool's, and tools that nobody knows, are about something else", () => {
  for (const [tool, input] of [
    ["read_file", null],
    ["edit", { path: "a" }],
    ["update_plan", { steps: "all" }],
    ["update_plan", { steps: [] }],
    ["process", { id: "1" }],
    ["teleport", { path: "a" }],
  ])
    assert.deepEqual(subjectOf(tool as string, input), { kind: "other" });
});

test("of 100,000 written lines few are kept, and all are counted", () => {
  const subject = subjectOf("write_file", { path: "a", content: "x\n".repeat(100_000) });
  assert.ok(subject.kind === "edit");
  assert.deepEqual([subject.files[0]?.added, subject.files[0]?.lines.length], [100_000, 200]);
});
