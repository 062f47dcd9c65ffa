import assert from "node:assert/strict";
import { test } from "node:test";
import { folderOf, isPublic, parseRepository, publicAddresses, requireAllowed } from "./repository.ts";

const never = new AbortController().signal;

test("https URLs and absolute paths are repositories, in one normal form", () => {
  const https = { kind: "https", url: "https://example.org/acme/shop.git", host: "example.org", port: 443 };
  assert.deepEqual(parseRepository(" https://Example.ORG:443/acme/shop.git/ "), https);
  assert.deepEqual(parseRepository("https://example.org./acme/shop.git"), https);
  assert.deepEqual(parseRepository("http://[::1]:8080/a"), { kind: "http", url: "http://[::1]:8080/a", host: "::1", port: 8080 });
  assert.deepEqual(parseRepository("/srv//git/./shop.git/"), { kind: "local", path: "/srv/git/shop.git" });
});

test("everything else is refused in words that name the way out", () => {
  const cases: [string, RegExp][] = [
    ["", /empty/],
    ["shop", /neither an https URL nor an absolute path/],
    ["../shop", /neither/],
    ["--upload-pack=x", /neither/],
    ["git@example.org:acme/shop.git", /not by ssh/],
    ["example.org:acme/shop.git", /not by ssh/],
    ["ssh://git@example.org/shop", /not by ssh/],
    ["git://example.org/shop", /not by ssh/],
    ["file:///srv/shop", /absolute path itself/],
    ["ext::sh -c id", /ext::/],
    ["fd::3", /Remote helpers/],
    ["https://ada:secret@example.org/shop", /--token-stdin/],
    ["https://token@example.org/shop", /--token-stdin/],
    ["https://example.org/shop?private_token=x", /after \? or #/],
    ["https://example.org/", /no repository/],
    ["https://", /no valid URL/],
    ["/srv/shop\nx", /control characters/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseRepository(text), { name: "UserError", code: "invalid", message }, text);
  assert.throws(
    () => parseRepository("https://ada:hunter2@example.org/shop"),
    (error: Error) => !error.message.includes("hunter2"),
  );
});

test("paths of the server and http are for administrators", () => {
  for (const text of ["/srv/shop.git", "http://example.org/shop"]) {
    assert.throws(() => requireAllowed(parseRepository(text), false), { code: "forbidden" });
    requireAllowed(parseRepository(text), true);
  }
  requireAllowed(parseRepository("https://example.org/shop"), false);
});

test("addresses within a network are not public, however they are written", () => {
  const inside = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
  ];
  const inside6 = [
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
  ];
  for (const address of [...inside, ...inside6, "no address"]) assert.equal(isPublic(address), false, address);
  for (const address of ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
    assert.equal(isPublic(address), true, address);
});

test("a host that is in the server's own network is refused by what its name resolves to", async () => {
  for (const url of [
    "https://localhost/shop",
    "https://127.0.0.1/shop",
    "https://0x7f.1/shop",
    "https://2130706433/shop",
    "https://[::ffff:7f00:1]/shop",
  ]) {
    const repository = parseRepository(url);
    assert.ok(repository.kind !== "local");
    await assert.rejects(publicAddresses(repository, never), { code: "forbidden", message: /no public address/ }, url);
  }
});

test("the folder is a plain name whatever the repository is called", () => {
  const cases: [string, string][] = [
    ["https://example.org/acme/shop.git", "shop"],
    ["https://example.org/acme/Shop%20Zwei", "Shop-Zwei"],
    ["https://example.org/%2e%2e%2f%2e%2e%2fetc", "etc"],
    ["https://example.org/acme/.git", "acme"],
    ["https://example.org/acme/...", "repository"],
    ["https://example.org/%E0%A4%A", "E0-A4-A"],
    ["/srv/shop/.git", "shop"],
    ["/srv/.farhand", "farhand"],
    ["/srv/-rf", "rf"],
    ["/", "repository"],
    [`/srv/${"x".repeat(300)}`, "x".repeat(64)],
  ];
  for (const [text, folder] of cases) assert.equal(folderOf(parseRepository(text)), folder, text);
});
