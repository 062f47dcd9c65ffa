import assert from "node:assert/strict";
import { test } from "node:test";
import { postgresqlConf, socketDirectory } from "./settings.ts";

test("the socket is in the folder as long as its path is at most 107 bytes", () => {
  const fits = `/${"x".repeat(107 - "//socket/.s.PGSQL.5432".length)}`;
  assert.equal(socketDirectory(fits, 0), `${fits}/socket`);
  assert.match(socketDirectory(`${fits}x`, 0), /^\/run\/farhand-[0-9a-f]{16}$/);
  assert.match(socketDirectory(`${fits}x`, 1000), /^\/tmp\/farhand-1000-[0-9a-f]{16}$/);
  assert.equal(socketDirectory(`${fits}x`, 0), socketDirectory(`${fits}x`, 0));
  assert.notEqual(socketDirectory(`${fits}x`, 0), socketDirectory(`${fits}y`, 0));
  assert.match(socketDirectory(`/${"é".repeat(50)}`, 0), /^\/run/); // bytes count, not letters
});

test("paths with quotes and commas stay one setting", () => {
  const conf = postgresqlConf("/a'b", '/a\'b, "c"', true);
  assert.ok(conf.includes("hba_file = '/a''b/pg_hba.conf'"));
  assert.ok(conf.includes(`unix_socket_directories = '"/a''b, ""c"""'`));
});

test("only tests give up safety in a power failure", () => {
  assert.ok(!postgresqlConf("/a", "/b", true).includes("fsync"));
  assert.match(postgresqlConf("/a", "/b", true), /synchronous_commit = 'on'/);
  assert.match(postgresqlConf("/a", "/b", false), /fsync = 'off'/);
});
