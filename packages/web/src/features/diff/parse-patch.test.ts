import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePatch } from "./parse-patch.ts";
import { applyCommand } from "./patch-command.ts";
import { diffRows } from "./rows.ts";

const PATCH = `diff --git a/src/cart.ts b/src/cart.ts
index 1..2 100644
--- a/src/cart.ts
+++ b/src/cart.ts
@@ -1,3 +1,4 @@ export function
 one
-two
+2
++++ b/not-a-header
 three
diff --git a/old name.txt b/new name.txt
similarity index 100%
rename from old name.txt
rename to new name.txt
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/logo.png b/logo.png
new file mode 100644
index 0..1
GIT binary patch
literal 3
KcmZ

literal 0
HcmV

diff --git "a/\\303\\244 \\"q\\".txt" "b/\\303\\244 \\"q\\".txt"
deleted file mode 100644
--- "a/\\303\\244 \\"q\\".txt"
+++ /dev/null
@@ -1 +0,0 @@
-gone
\\ No newline at end of file
`;

test("every kind of change is read with its name, lines and numbers", () => {
  const files = parsePatch(PATCH);
  assert.deepEqual(
    files.map(({ path, change, added, removed, binary }) => ({ path, change, added, removed, binary })),
    [
      { path: "src/cart.ts", change: "changed", added: 2, removed: 1, binary: false },
      { path: "new name.txt", change: "renamed", added: 0, removed: 0, binary: false },
      { path: "run.sh", change: "changed", added: 0, removed: 0, binary: false },
      { path: "logo.png", change: "added", added: 0, removed: 0, binary: true },
      { path: 'ä "q".txt', change: "deleted", added: 0, removed: 1, binary: false },
    ],
  );
  assert.deepEqual(files[0]?.hunks[0]?.lines.at(-1), { kind: "same", text: "three", old: 3, new: 4 });
  assert.equal(files[2]?.mode, "100644 → 100755");
});

test("side by side, what was removed stands beside what was added in its place", () => {
  const rows = diffRows(parsePatch(PATCH).slice(0, 1), () => true, true);
  const pairs = rows.filter((row) => row.kind === "pair").map((row) => [row.left?.line.text ?? null, row.right?.line.text ?? null]);
  assert.deepEqual(pairs, [
    ["one", "one"],
    ["two", "2"],
    [null, "+++ b/not-a-header"],
    ["three", "three"],
  ]);
});

test("rubbish is passed over", () => {
  assert.deepEqual(parsePatch("@@ -1 +1 @@\n+x\nnot a patch"), []);
  assert.equal(parsePatch("diff --git a/x b/x\n@@ broken @@\n+x").length, 1);
});

test("a command to apply it gives hostile text no way out", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.match(applyCommand(bytes("+EOF\n")), /^git apply --binary <<'(END_\w{32})'\n\+EOF\n\1\n$/);
  assert.match(applyCommand(bytes("+\x1b[201~rm -rf\n")), /^base64 -d <<'(END_\w{32})' \| git apply --binary\n[\w+/=\n]+\n\1\n$/);
  assert.match(applyCommand(new Uint8Array([0xff, 0xfe])), /^base64 -d/);
});
