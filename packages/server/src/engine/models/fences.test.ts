import assert from "node:assert/strict";
import { test } from "node:test";
import { fencedBlocks } from "./fences.ts";

const texts = (...lines: string[]) => fencedBlocks(lines.join("\n")).map((block) => [block.language, block.text]);

test("blocks are found in order, with the first word of their info string", () => {
  assert.deepEqual(fencedBlocks("Do:\n```sh title=one\necho 1\n\necho 2\n```\nthen\n~~~ Bash\nls\n~~~"), [
    { language: "sh", text: "echo 1\n\necho 2", line: 2, closed: true },
    { language: "bash", text: "ls", line: 8, closed: true },
  ]);
});

test("a fence is closed only by at least as many of the same character and nothing else", () => {
  assert.deepEqual(texts("````sh", "cat <<X", "```", "X", "`````  "), [["sh", "cat <<X\n```\nX"]]);
  assert.deepEqual(texts("~~~sh", "```", "~~~ no", "~~", "~~~"), [["sh", "```\n~~~ no\n~~"]]);
  assert.deepEqual(texts("```text", "```sh", "rm -r x", "```"), [["text", "```sh\nrm -r x"]]);
  assert.deepEqual(texts("```sh", "cat <<X", "    ```", "X", "```"), [["sh", "cat <<X\n    ```\nX"]]);
});

test("a line of inline code is no fence", () => {
  assert.deepEqual(texts("```sh echo hi```", "``sh", "echo", "``"), []);
});

test("an indented fence takes its indentation away from the content, and no more", () => {
  assert.deepEqual(texts("  ```sh", "  if x", "    then y", " z", "\ttab", "   ```"), [["sh", "if x\n  then y\nz\ntab"]]);
});

test("four columns make text of it, unless it stands in a list item", () => {
  assert.deepEqual(texts("Example:", "", "    ```sh", "    echo no", "    ```"), []);
  assert.deepEqual(texts("\t```sh", "\techo no", "\t```"), []);
  assert.deepEqual(texts("1. Do this:", "", "    ```sh", "    echo yes", "    ```"), [["sh", "echo yes"]]);
  assert.deepEqual(texts("- a", "  - b", "", "    ```sh", "    echo deep", "    ```", "- ```sh", "  echo same line", "  ```"), [
    ["sh", "echo deep"],
    ["sh", "echo same line"],
  ]);
  assert.deepEqual(texts("- a", "", "Out of the list.", "", "    ```sh", "    echo no", "    ```"), []);
});

test("a quoted block is left out", () => {
  assert.deepEqual(texts("> ```sh", "> echo no", "> ```"), []);
});

test("a block that the text ends in says so", () => {
  assert.deepEqual(fencedBlocks("x\n```sh\necho 1\n``"), [{ language: "sh", text: "echo 1\n``", line: 2, closed: false }]);
  assert.deepEqual(fencedBlocks("```"), [{ language: "", text: "", line: 1, closed: false }]);
});

test("line ends of Windows do not reach the shell", () => {
  assert.deepEqual(texts("```sh\r", "echo 1\r", "echo 2\r", "```\r"), [["sh", "echo 1\necho 2"]]);
});

test("a prompt made to be slow is not", { timeout: 20_000 }, () => {
  const slow = ["- ".repeat(500_000), "1. ".repeat(300_000), "`".repeat(1_000_000), `${" ".repeat(1000)}- x\n`.repeat(900)];
  for (const text of slow) assert.equal(texts(text, "", "```sh", "ls", "```").at(-1)?.[0], text.startsWith("`") ? "" : "sh");
});
