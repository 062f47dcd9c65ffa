import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../domain/secret.ts";
import type { OutputChunk } from "../sandbox/sandbox.ts";
import { maskedOutput } from "./masked-output.ts";

async function masked(pieces: readonly (string | [OutputChunk["stream"], string])[], ...secrets: string[]): Promise<string[]> {
  async function* output(): AsyncGenerator<OutputChunk> {
    for (const piece of pieces) {
      const [stream, text] = typeof piece === "string" ? (["stdout", piece] as const) : piece;
      yield { stream, bytes: Buffer.from(text) };
    }
  }
  const shown: string[] = [];
  for await (const { bytes } of maskedOutput(
    output(),
    secrets.map((value) => new Secret(value)),
  ))
    shown.push(Buffer.from(bytes).toString());
  return shown;
}

test("a value is masked wherever it stands, whole or in pieces of one byte", async () => {
  assert.deepEqual(await masked(["a hunter2 b hunter2\n"], "hunter2"), ["a *** b ***\n"]);
  assert.equal((await masked([..."a hunter2hunter2 b"], "hunter2")).join(""), "a ****** b");
  assert.equal((await masked([..."aabaabaac"], "aabaac")).join(""), "aab***");
  assert.equal((await masked(["schl", "üssel-ü end"], "schlüssel-ü")).join(""), "*** end");
});

test("what only begins like a value is shown, at once where that is clear, else at the end", async () => {
  assert.deepEqual(await masked(["hunt", "ing\n"], "hunter2"), ["hunting\n"]);
  assert.deepEqual(await masked(["so hunter"], "hunter2"), ["so ", "hunter"]);
});

test("each stream for itself, and the longer of two values first", async () => {
  assert.deepEqual(await masked(["hunt", ["stderr", "hunt"], "er2", ["stderr", "ing"]], "hunter2"), ["***", "hunting"]);
  assert.deepEqual(await masked(["hunter2000"], "hunter2", "hunter2000"), ["***"]);
});

test("a value of a few characters masks nothing, else every text would be full of holes", async () => {
  assert.deepEqual(await masked(["a b c"], "b"), ["a b c"]);
});
