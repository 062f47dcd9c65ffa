import assert from "node:assert/strict";
import { test } from "node:test";
import { AnsiLines, ansiLines, type Line } from "./ansi.ts";

const text = (lines: readonly Line[]) => lines.map((line) => line.map((span) => span.text).join(""));

test("colours become classes, and nothing else of a control sequence is left", () => {
  assert.deepEqual(ansiLines("\x1b[1;31mbad\x1b[0m ok"), [
    [
      { text: "bad", style: "text-bad font-bold" },
      { text: " ok", style: "" },
    ],
  ]);
  assert.deepEqual(text(ansiLines("\x1b]0;title\x07a\x1b[2Jb\x1b[10;5Hc\x1b(Bd")), ["abcd"]);
  assert.deepEqual(ansiLines("\x1b[38;5;196mx\x1b[48;2;1;2;3my"), [
    [
      { text: "x", style: "" },
      { text: "y", style: "" },
    ],
  ]);
});

test("a carriage return begins the line anew; with a newline it is only that", () => {
  assert.deepEqual(text(ansiLines("10%\r50%\r100%\nnext\r\nend")), ["100%", "next", "end"]);
});

test("a sequence that is cut between pieces is read as one", () => {
  const lines = new AnsiLines();
  for (const piece of "a\x1b[32mb\x1b[0m\nc") lines.write(piece);
  assert.deepEqual(text(lines.lines), ["ab", "c"]);
  assert.equal(lines.lines[0]?.[1]?.style, "text-good");
});

test("what nobody sees is shown as words", () => {
  assert.deepEqual(text(ansiLines("a\u202eb\x08c\u200bd")), ["a<U+202E>b^Hc<U+200B>d"]);
});
