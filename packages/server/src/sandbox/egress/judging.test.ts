import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { whyNotPublic } from "./addresses.ts";
import { decide } from "./decide.ts";
import { readAbsoluteForm, readConnectForm } from "./target.ts";

test("addresses that are not of the public internet, however they are written", () => {
  const refused = [
    ...[
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "100.100.100.200",
      "127.0.0.1",
      "127.255.0.9",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
    ],
    ...["192.168.1.1", "192.0.0.192", "198.18.0.1", "168.63.129.16", "224.0.0.1", "239.1.1.1", "255.255.255.255"],
    ...[
      "::",
      "::1",
      "::ffff:127.0.0.1",
      "::ffff:8.8.8.8",
      "::ffff:a00:1",
      "::8.8.8.8",
      "64:ff9b::a00:1",
      "64:ff9b:1::1",
      "2002:a00:1::",
      "2001::1",
    ],
    ...["fe80::1", "fe80::1%lo", "fd00:ec2::254", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "localhost", "1.2.3", ""],
    ...Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address)),
  ];
  for (const address of refused) assert.notEqual(whyNotPublic(address), null, address);
  const open = [
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.0.1",
    "2606:4700::1111",
    "2a00:1450::1",
  ];
  for (const address of open) assert.equal(whyNotPublic(address), null, `control: ${address}`);
});

test("a rule covers a domain with its subdomains, and its ports", () => {
  const rule = { kind: "allow", domains: ["example.org", "a.example.net"] } as const;
  const decision = (host: string, port = 443) => decide(rule, host, port).decision;
  for (const host of ["example.org", "a.example.org", "b.a.example.org", "a.example.net"]) assert.equal(decision(host), "allowed", host);
  for (const host of ["badexample.org", "example.org.evil.net", "org", "example.net", "b.example.net", "8.8.8.8", "2606:4700::1111"])
    assert.equal(decision(host), "refused", host);
  assert.deepEqual(
    [80, 443, 22, 25, 8080].map((port) => decision("example.org", port)),
    ["allowed", "allowed", "refused", "refused", "refused"],
  );
  assert.equal(decide({ ...rule, ports: [8443] }, "example.org", 8443).decision, "allowed");
  assert.equal(decide({ ...rule, ports: [8443] }, "example.org", 443).decision, "refused");
  assert.equal(decide({ kind: "all" }, "anything.net", 80).decision, "allowed");
  assert.equal(decide({ kind: "none" }, "example.org", 443).decision, "refused");
});

test("the target of a request is read strictly", () => {
  assert.deepEqual(readAbsoluteForm("http://Example.ORG./a/../b?c=%20"), {
    host: "example.org",
    port: 80,
    authority: "example.org",
    path: "/a/../b?c=%20",
  });
  assert.deepEqual(readAbsoluteForm("http://example.org?q"), { host: "example.org", port: 80, authority: "example.org", path: "/?q" });
  assert.deepEqual(readAbsoluteForm("http://[2606:4700::1111]:8080/"), {
    host: "2606:4700::1111",
    port: 8080,
    authority: "[2606:4700::1111]:8080",
    path: "/",
  });
  assert.deepEqual(readConnectForm("example.org:443"), { host: "example.org", port: 443, authority: "example.org:443", path: "" });
  for (const text of [
    ...[
      "/path",
      "https://example.org/",
      "ftp://example.org/",
      "http://",
      "http:///x",
      "http://user@example.org/",
      "http://example.org@evil.net/",
    ],
    ...[
      "http://example.org\\@evil.net/",
      "http://example.org:0/",
      "http://example.org:99999/",
      "http://exa mple.org/",
      "http://example.org#x",
    ],
    ...[
      "http://2130706433/",
      "http://0x7f.1/",
      "http://127.1/",
      "http://[::1",
      "http://[::1%25lo]/",
      "http://-a.org/",
      "http://a..org/",
      "*",
    ],
  ])
    assert.equal(readAbsoluteForm(text), null, text);
  assert.equal(readAbsoluteForm("http://0177.0.0.1/"), null);
  for (const text of [
    "example.org",
    "example.org:",
    ":443",
    "http://example.org:443",
    "user@example.org:443",
    "example.org:443/x",
    "::1:443",
    "example.org:+443",
  ])
    assert.equal(readConnectForm(text), null, text);
});
