import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { testApi } from "../testing/api.ts";
import { readPage } from "./page-files.ts";

async function built() {
  const folder = await mkdtemp(join(tmpdir(), "farhand-page-"));
  try {
    await mkdir(join(folder, "assets"));
    await writeFile(join(folder, "index.html"), "<!doctype html><title>Farhand</title>");
    await writeFile(join(folder, "assets/main-1a2b.js"), `"${"x".repeat(5000)}"`);
    await writeFile(join(folder, "assets/main-1a2b.css"), `/*${"x".repeat(5000)}*/`);
    await writeFile(join(folder, "assets/main-1a2b.css.br"), brotliCompressSync("/* from the build */"));
    await writeFile(join(folder, ".built-from"), "secret");
    return await readPage(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the page is served without a login, from memory, at every path that is not the API's", async () => {
  await using api = await testApi({}, await built());
  for (const path of ["/", "/tasks/task_1", "/settings?x=/api/v1"]) {
    const { status, body, headers } = await api.ask("GET", path);
    assert.deepEqual([status, headers["cache-control"], /<title>Farhand/.test(body)], [200, "no-cache", true], path);
  }
  const script = await api.ask("GET", "/assets/main-1a2b.js", { headers: { "accept-encoding": "gzip, br" } });
  assert.deepEqual([script.status, script.type], [200, "text/javascript; charset=utf-8"]);
  assert.match(String(script.headers["cache-control"]), /immutable/);
  const raw = await api.app.inject({ url: "/assets/main-1a2b.js", headers: { host: "127.0.0.1:7420", "accept-encoding": "br" } });
  assert.ok(raw.rawPayload.length < 100);
  assert.match(brotliDecompressSync(raw.rawPayload).toString(), /^"x{5000}"$/);
  const style = await api.app.inject({ url: "/assets/main-1a2b.css", headers: { host: "127.0.0.1:7420", "accept-encoding": "br" } });
  assert.equal(brotliDecompressSync(style.rawPayload).toString(), "/* from the build */");
  const etag = String(script.headers.etag);
  assert.equal((await api.ask("GET", "/assets/main-1a2b.js", { headers: { "if-none-match": etag } })).status, 304);
  for (const path of [
    "/assets/gone.js",
    "/assets/main-1a2b.css.br",
    "/.built-from",
    "/../package.json",
    "/%2e%2e/package.json",
    "/package.json",
  ])
    assert.equal((await api.ask("GET", path)).status, 404, path);
  assert.equal((await api.call(api.ada, "GET", "/api/v1/nothing")).type, "application/problem+json");
});

test("no answer may run a script that stands in it, be framed, or be taken for another type", async () => {
  await using api = await testApi({}, await built());
  for (const [path, status] of [
    ["/", 200],
    ["/assets/main-1a2b.js", 200],
    ["/api/v1/me", 401],
    ["/healthz", 200],
  ] as const) {
    const answer = await api.ask("GET", path);
    assert.equal(answer.status, status, path);
    const policy = String(answer.headers["content-security-policy"]);
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    assert.deepEqual([answer.headers["x-content-type-options"], answer.headers["referrer-policy"]], ["nosniff", "same-origin"]);
  }
});

test("without a built page, it says how to build it", async () => {
  await using api = await testApi();
  const { status, body } = await api.ask("GET", "/");
  assert.deepEqual([status, /npm start/.test(body.detail)], [503, true]);
});
