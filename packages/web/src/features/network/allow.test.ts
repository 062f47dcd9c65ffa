import assert from "node:assert/strict";
import { test } from "node:test";
import { NOT_NAMED, type RefusedRequest } from "@farhand/protocol";
import { allowanceOf, allowing } from "./allow.ts";

const environment = {
  version: 3,
  network: { kind: "allow" as const, domains: ["example.org"], presets: [], ports: [80, 443] },
  setupNetwork: { kind: "all" as const, ports: [443] },
  allowedDomains: ["example.org"],
  setupAllowedDomains: [],
};
const request = (host: string, more: Partial<RefusedRequest> = {}): RefusedRequest => ({ host, port: 443, rule: NOT_NAMED, ...more });

test("a host that is not named can be allowed, once, where that would help", () => {
  assert.equal(allowanceOf(environment, 3, request("evil.example.net")), "possible");
  assert.deepEqual(allowing(environment, request("evil.example.net")), {
    version: 3,
    network: { kind: "allow", domains: ["example.org", "evil.example.net"], presets: [], ports: [80, 443] },
  });
  assert.equal(allowanceOf(environment, 2, request("www.example.org")), "given");
  assert.equal(allowanceOf(environment, 3, request("www.example.org")), null, "refused by this very version: the repository names less");
  assert.equal(allowanceOf(environment, 2, request("notexample.org")), "possible");
  for (const refused of [
    request("example.net", { rule: "public addresses only" }),
    request("example.net", { rule: "ports 80, 443" }),
    request("10.0.0.1"),
    request("db.internal"),
    request("github.io"),
    request(""),
  ])
    assert.equal(allowanceOf(environment, 3, refused), null, JSON.stringify(refused));
  assert.equal(allowanceOf(environment, 2, request("example.net", { phase: "setup" })), "given");
  assert.deepEqual(allowing(environment, request("example.org")), { version: 3 });
});
