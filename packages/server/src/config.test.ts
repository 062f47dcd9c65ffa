import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readConfig, StartupError } from "./config.ts";

test("the page of settings names every variable and no other", () => {
  const code = readFileSync(new URL("config.ts", import.meta.url), "utf8");
  const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8").split("The command line reads")[0] ?? "";
  const read = [...code.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name]) => name).sort();
  const told = [...page.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name).sort();
  assert.ok(read.length > 10);
  assert.deepEqual(told, read);
});

test("the page tells the default that is in force", () => {
  const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  const told = Object.fromEntries([...page.matchAll(/^\| `([A-Z_]+)` \| `([^` ]+)` \|/gm)].map(([, name, value]) => [name, value]));
  assert.ok(Object.keys(told).length > 10);
  assert.deepEqual(readConfig(told, true), readConfig({}, true));
});

test("all faults are reported at once, each with its variable", () => {
  const faulty = {
    FARHAND_PORT: "http",
    FARHAND_HOME: "relative",
    FARHAND_ROLE: "both",
    DATABASE_URL: "mysql://x/y",
    FARHAND_TRUSTED_PROXIES: "10.0.0.0/99",
  };
  assert.throws(
    () => readConfig(faulty, true),
    (error) => {
      assert.ok(error instanceof StartupError);
      assert.deepEqual(
        error.message
          .split("\n")
          .map((line) => line.split(":")[0])
          .sort(),
        Object.keys(faulty).sort(),
      );
      return true;
    },
  );
});

test("an empty variable counts as not set, and the home depends on who starts it", () => {
  assert.equal(readConfig({ FARHAND_PORT: "" }, true).port, 7420);
  assert.equal(readConfig({}, true).home, "/var/lib/farhand");
  assert.match(readConfig({}, false).home, /\/\.farhand$/);
});

test("the address of a PostgreSQL behind a socket is accepted", () => {
  assert.ok(readConfig({ DATABASE_URL: "postgres://farhand@localhost/farhand?host=%2Frun%2Fpostgresql" }, true).databaseUrl);
});
