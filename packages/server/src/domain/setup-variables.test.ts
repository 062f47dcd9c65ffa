import assert from "node:assert/strict";
import { test } from "node:test";
import { readSetupVariables } from "./setup-variables.ts";

test("lines of NAME=VALUE, the last one of a name wins", () => {
  assert.deepEqual(readSetupVariables("# tools\n\nPATH=/opt/x/bin:/usr/bin\nA=1=2\nEMPTY=\nA=3\n", []), {
    ok: true,
    variables: { PATH: "/opt/x/bin:/usr/bin", A: "3", EMPTY: "" },
  });
  assert.deepEqual(readSetupVariables("", []), { ok: true, variables: {} });
});

test("anything else, and a setup secret, is refused with its line", () => {
  const secrets = [
    { name: "TOKEN", value: "s3cret\n" },
    { name: "PIN", value: "12" },
  ];
  for (const [text, fault] of [
    ["A=1\nexport B=2\n", /^line 2 is not NAME=VALUE/],
    ["echo\n", /^line 1 is not NAME=VALUE/],
    ["=x\n", /^line 1 is not/],
    ["GIT_DIR=/x\n", /git's own use/],
    ["A=\0\n", /NUL/],
    ["A=x s3cret y\n", /^line 1 would give the setup secret TOKEN to the agent$/],
    [`A=${"x".repeat(70_000)}`, /more than 65536 bytes/],
    [Array.from({ length: 201 }, (_, at) => `A${at}=\n`).join(""), /more than 200 names/],
  ] as const) {
    const read = readSetupVariables(text, secrets);
    assert.match(read.ok ? "" : read.fault, fault);
  }
  assert.equal(readSetupVariables("A=12\n", secrets).ok, true, "so short a value stands anywhere by chance");
});
