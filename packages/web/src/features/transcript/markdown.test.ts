import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInline, parseMarkdown } from "./markdown.ts";

test("what agents write is understood", () => {
  const kinds = parseMarkdown("# Done\n\nIt *works* now:\n- one\n- two\n\n1. first\n\n```sh\nnpm test\n```\n> said").map(
    (block) => block.kind,
  );
  assert.deepEqual(kinds, ["heading", "paragraph", "list", "list", "code", "quote"]);
});

test("a table has as many cells in each row as in its head; a line with bars alone is text", () => {
  const [before, table, after] = parseMarkdown("So:\n| a | `b` |\n|---|:--|\n| 1 | x \\| y |\n| 2 |\n\nDone | all");
  const text = (code: string) => [{ kind: "text", text: code }];
  assert.equal(before?.kind, "paragraph");
  assert.deepEqual(table, {
    kind: "table",
    head: [text("a"), [{ kind: "code", text: "b" }]],
    rows: [
      [text("1"), text("x | y")],
      [text("2"), []],
    ],
  });
  assert.deepEqual(after, { kind: "paragraph", inline: text("Done | all") });
  assert.equal(parseMarkdown("a | b\n--\n")[0]?.kind, "paragraph", "the rule has as many cells as the head");
});

test("an item of a list may go on in an indented line", () => {
  const [list, after] = parseMarkdown("- one\n  and `more`\n- two\n\n  not of it");
  assert.ok(list?.kind === "list");
  assert.deepEqual(
    list.items.map((item) => item.map(({ text }) => text).join("")),
    ["one and more", "two"],
  );
  assert.equal(after?.kind, "paragraph");
});

test("only http and https become links, and HTML and images are text", () => {
  assert.deepEqual(
    parseInline("[x](javascript:alert(1)) <img src=x onerror=alert(1)>").map((part) => part.kind),
    ["text"],
  );
  assert.deepEqual(parseInline("see [docs](https://example.org/a)"), [
    { kind: "text", text: "see " },
    { kind: "link", text: "docs", to: "https://example.org/a" },
  ]);
});

test("hostile text costs no more than its length", () => {
  const began = performance.now();
  parseMarkdown(
    `${"*".repeat(50_000)}\n${"[".repeat(50_000)}\n${"`".repeat(2)}${"a`".repeat(20_000)}\n${"**a".repeat(20_000)}\n${"|".repeat(50_000)}\n${"|-".repeat(25_000)}\n${" ".repeat(50_000)}|`,
  );
  assert.ok(performance.now() - began < 5_000);
});
