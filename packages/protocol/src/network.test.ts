import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { EventBody, TaskEvent } from "./event.ts";
import { Domain, NewNetworkPolicy, requestInWords } from "./network.ts";
import { reduce } from "./transcript.ts";
import { emptyTranscript } from "./transcript-view.ts";

const faultOf = (text: string) => Domain.safeParse(text).error?.issues[0]?.message ?? null;

test("a domain is taken in one form", () => {
  for (const text of ["example.org", " Example.ORG. ", "EXAMPLE.org"]) assert.equal(Domain.parse(text), "example.org");
  for (const text of ["a.b.example.co.uk", "xn--bcher-kva.example", "_acme.example.org", "bucket.s3.amazonaws.com"])
    assert.equal(faultOf(text), null, text);
});

test("what is no domain, or too wide, is refused with the way out", () => {
  for (const [text, words] of [
    ["https://example.org/x", /address of a page: give its domain alone/],
    ["example.org/x", /more than a domain/],
    ["user@example.org", /more than a domain/],
    ["*.example.org", /needs no \*: a domain covers its subdomains/],
    ["*.com", /needs no \*/],
    ["*", /needs no \*/],
    ["com", /whole top-level domain/],
    ["co.uk", /whole top-level domain/],
    ["github.io", /shared by everybody/],
    ["example.org:8443", /has a port.*--allow-port/],
    ["10.0.0.1", /network address/],
    ["2130706433", /network address/],
    ["0x7f.1", /network address/],
    ["::1", /network address/],
    ["[fe80::1]", /network address/],
    ["localhost", /no name of the public internet/],
    ["db.internal", /no name of the public internet/],
    ["bücher.example", /not ASCII/],
    ["exa mple.org", /is no domain/],
    ["-a.org", /is no domain/],
    ["a..org", /is no domain/],
    ["", /is no domain/],
  ] as const)
    assert.match(faultOf(text) ?? "", words, text);
});

test("a policy has the web's ports unless it names others, and allows something", () => {
  assert.deepEqual(NewNetworkPolicy.parse({ kind: "allow", domains: ["Example.org"] }), {
    kind: "allow",
    domains: ["example.org"],
    presets: [],
    ports: [80, 443],
  });
  assert.deepEqual(NewNetworkPolicy.parse({ kind: "all", ports: [8443] }), { kind: "all", ports: [8443] });
  for (const wrong of [
    { kind: "allow" },
    { kind: "allow", presets: ["everything"] },
    { kind: "none", domains: ["example.org"] },
    { kind: "all", ports: [0] },
    { kind: "all", ports: [] },
    { kind: "some" },
    "all",
  ])
    assert.equal(NewNetworkPolicy.safeParse(wrong).success, false, JSON.stringify(wrong));
  assert.ok(z.toJSONSchema(NewNetworkPolicy, { io: "output" }), "it can be documented");
});

test("requests in words", () => {
  assert.equal(requestInWords({ method: "CONNECT", host: "example.org", port: 443 }), "CONNECT example.org:443");
  assert.equal(requestInWords({ method: "GET", host: "::1", port: 80 }), "GET [::1]:80");
  assert.equal(requestInWords({ method: "", host: "", port: 0 }), "a connection");
});

test("the transcript counts equal requests of a run and shows a refusal once", () => {
  const base = {
    type: "network.request",
    method: "CONNECT",
    host: "example.org",
    port: 443,
    rule: "allowed domains",
    reason: "not allowed",
  } as const;
  const bodies: [number, EventBody][] = [
    [1, { ...base, decision: "refused", count: 1 }],
    [1, { ...base, decision: "allowed", rule: "example.org", reason: "", count: 1 }],
    [1, { ...base, decision: "refused", count: 41 }],
    [1, { ...base, decision: "allowed", rule: "example.org", reason: "", count: 0, bytes: 500 }],
    [2, { ...base, decision: "refused", count: 1 }],
  ];
  const view = emptyTranscript();
  bodies.forEach(([run, body], index) => {
    const event: TaskEvent = { task: "t", seq: index + 1, at: "2026-01-01T00:00:00.000Z", turn: 1, attempt: 1, run, body };
    reduce(view, event);
  });
  const [attempt] = view.attempts;
  assert.deepEqual(
    attempt?.network.map(({ run, decision, count, bytes }) => [run, decision, count, bytes]),
    [
      [1, "refused", 42, 0],
      [1, "allowed", 1, 500],
      [2, "refused", 1, 0],
    ],
  );
  assert.deepEqual(
    attempt?.items.map((item) => (item.kind === "notice" ? [item.tone, item.text] : item)),
    Array(2).fill(["warning", "refused by policy: CONNECT example.org:443 (not allowed)"]),
  );
});
