import assert from "node:assert/strict";
import { test } from "node:test";
import { redacted, redactedValue } from "./redact.ts";

const long = "a1B2c3D4e5F6g7H8i9J0k1L2";

test("what looks like a secret goes, and only that", () => {
  for (const secret of [
    `ghp_${long}`,
    `github_pat_${long}`,
    `glpat-${long}`,
    `sk-${long}`,
    `sk-ant-api03-${long}`,
    `AKIA${"A1B2C3D4E5F6G7H8"}`,
    `xoxb-1234567890-${long}`,
    `fh_${long}`,
    `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${long}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${long}\n-----END RSA PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${long}`,
  ])
    assert.equal(redacted(`a ${secret} b`).replace(" b", ""), "a [secret]", secret);
  assert.equal(redacted(`curl -H "Authorization: Bearer ${long}" x`), 'curl -H "Authorization: Bearer [secret]" x');
  assert.equal(redacted("git clone https://me:hunter22@example.org/x"), "git clone https://me:[secret]@example.org/x");
  assert.equal(redacted("DB_PASSWORD=correct-horse make"), "DB_PASSWORD=[secret] make");
  assert.equal(redacted('{"apiKey": "correct-horse"}'), '{"apiKey": "[secret]"}');
  for (const plain of ["task_8k2mq04xw7c1dr5e", "skeleton sk-1", "https://example.org:8080/x", "c0ffee".repeat(6), "the password is short"])
    assert.equal(redacted(plain), plain);
});

test("texts of a value are looked at wherever they stand, and the rest is as it was", () => {
  const value = { seq: 1, body: { text: `fh_${long}`, more: [null, { deep: "plain" }] } };
  assert.deepEqual(redactedValue(value), { seq: 1, body: { text: "[secret]", more: [null, { deep: "plain" }] } });
});

test("text that was made to be looked at forever is not", () => {
  for (const part of ["a+", "eyJ-", "a://a:b", "-----BEGIN A ", "authorization: ", "a_PASSWORD"]) {
    const text = part.repeat(1_000_000 / part.length);
    assert.equal(redacted(text).length, text.length, part);
  }
});
