import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockFile } from "./lock.ts";

test("who gives up while the file is being opened does not wait for the lock", { timeout: 30_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "farhand-lock-"));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const path = join(folder, "lock");
  await using _held = await lockFile(path, new AbortController().signal);
  const stop = new AbortController();
  const waiting = lockFile(path, stop.signal);
  stop.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
});
