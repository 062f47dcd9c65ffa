import assert from "node:assert/strict";
import { test } from "node:test";
import { withHunks } from "./hunks.ts";
import { parsePatch } from "./patch-format.ts";
import { textFile } from "./text-file.ts";

/** What a patch of one file makes of a text. */
function patched(text: string, ...lines: string[]): string {
  const [file] = parsePatch(["*** Begin Patch", "*** Update File: f", ...lines, "*** End Patch"].join("\n"));
  assert.ok(file?.kind === "update");
  const before = textFile(Buffer.from(text));
  assert.ok(before);
  return withHunks(before, file.hunks, "f");
}

const CLASSES = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";

test("the lines after @@ say which of several equal places is meant", () => {
  const change = ["-        return 1", "+        return 2"];
  assert.equal(patched(CLASSES, "@@ class B:", "@@     def f(self):", ...change), CLASSES.replace(/1\n$/, "2\n"));
  assert.equal(patched(CLASSES, "@@ class A:", ...change), CLASSES.replace("1", "2"));
  assert.equal(patched(CLASSES, "@@ -5,3 +5,3 @@ class B:", ...change), CLASSES.replace(/1\n$/, "2\n"), "as unified diffs write it");
});

test("several hunks are looked for one after another; one that stands before fits where there is one place for it", () => {
  const text = "1\nx\n2\nx\n3\n";
  assert.equal(patched(text, "@@", "-x", "+a", "@@", "-x", "+b"), "1\na\n2\nb\n3\n");
  assert.equal(patched(text, "@@", "-3", "+c", "@@", "-1", "+a", "@@", "-2", "+b"), "a\nx\nb\nx\nc\n");
  assert.throws(() => patched(text, "@@", "-3", "+c", "@@", "-x", "+a"), /hunk 2 of 2 of f matches at line 2 and again, but not after/);
  assert.throws(() => patched(text, "@@", " 2", "-x", "+a", "@@", "-2", "+b"), /hunk 1 of 2 of f and hunk 2 of 2 of f overlap at line 3/);
});

test("white space and typographic signs that were copied wrongly do not matter, and kept lines stay as they are", () => {
  assert.equal(patched("a  \n\tb \u2013 \u201cc\u201d\nd\n", " a", ' b - "c"', "-d", "+D"), "a  \n\tb \u2013 \u201cc\u201d\nD\n");
});

test("added lines alone go under the line that is named, or to the end", () => {
  assert.equal(patched("a\nb\n", "@@ a", "+new"), "a\nnew\nb\n");
  assert.equal(patched("a\nb\n", "@@", "+new"), "a\nb\nnew\n");
  assert.equal(patched("a\nb", "@@", "+new"), "a\nb\nnew");
  assert.equal(patched("", "@@", "+new"), "new\n");
  assert.equal(patched("x\ny\nx\n", "@@", "-x", "+z", "*** End of File"), "x\ny\nz\n");
});

test("ends of lines and the missing end of the last line are kept", () => {
  assert.equal(patched("a\r\nb\r\nc", " a", "-b", "+B", "+B2", " c"), "a\r\nB\r\nB2\r\nc");
  assert.equal(patched("a\nb", " a", "-b", "+c"), "a\nc");
  assert.equal(patched("a\nb\n", " a", "-b"), "a\n");
  assert.equal(patched("a\n", "-a"), "");
});

test("a hunk that does not match shows the nearest text", () => {
  assert.throws(
    () => patched(CLASSES, "@@", "     def f(self):", "-        return 7", "+        return 8"),
    /the hunk of f does not match the file\. The nearest text:\n1\tclass A:\n2\t {4}def f\(self\):\n3\t {8}return 1\n/,
  );
  assert.throws(() => patched(CLASSES, "@@ class C:", "-x"), /the hunk of f, to be under "class C:", does not match the file/);
});

test("a file of 200,000 equal lines and a hunk of 300 of them come to an end", () => {
  const text = "x\n".repeat(200_000);
  assert.throws(() => patched(text, "@@", ...Array.from({ length: 300 }, () => " x"), "-y", "+z"), /does not match/);
});

const parse = (...lines: string[]) => parsePatch(lines.join("\n"));

test("what models are known to write around a patch is passed over", () => {
  const bare = parse("*** Begin Patch", "*** Add File: a", "+1", "*** End Patch");
  assert.deepEqual(bare, [{ kind: "add", path: "a", text: "1\n" }]);
  assert.deepEqual(parse("apply_patch <<'EOF'", "*** Begin Patch", "*** Add File: a", "+1", "*** End Patch", "EOF"), bare);
  assert.deepEqual(parse("*** Begin Patch\r", "*** Add File: a\r", "+1\r", "", "*** End Patch "), bare);
  const [file] = parse("*** Begin Patch", "*** Update File: a", "@@", " x", "", "-y", "", "*** Delete File: b", "*** End Patch");
  assert.deepEqual(file?.kind === "update" && file.hunks[0]?.lines.map(({ kind, text }) => [kind, text]), [
    ["keep", "x"],
    ["keep", ""],
    ["drop", "y"],
  ]);
});

for (const [why, lines, message] of [
  ["no beginning", ["--- a/x", "+++ b/x"], /must begin with the line/],
  ["no end", ["*** Begin Patch", "*** Add File: a", "+1"], /must end with the line/],
  ["nothing in it", ["*** Begin Patch", "*** End Patch"], /is empty/],
  ["a file without a change", ["*** Begin Patch", "*** Update File: a", "*** End Patch"], /changes nothing in a/],
  ["a hunk without lines", ["*** Begin Patch", "*** Update File: a", "@@ x", "*** End Patch"], /has no lines/],
  [
    "an added line without +",
    ["*** Begin Patch", "*** Add File: a", "1", "*** End Patch"],
    /line 3 of the patch: every line of an added file/,
  ],
  ["a line of no kind", ["*** Begin Patch", "*** Update File: a", "x = 1", "*** End Patch"], /line 3 of the patch begins with "x = 1"/],
  ["no path", ["*** Begin Patch", "*** Add File: ", "+1", "*** End Patch"], /names no file/],
  ["lines before a file", ["*** Begin Patch", "hello", "*** End Patch"], /where a file must begin/],
] as const) {
  test(`a patch with ${why} is refused in words`, () => {
    assert.throws(() => parse(...lines), message);
  });
}
