import assert from "node:assert/strict";
import { test } from "node:test";
import { familyOf, missInWords, partHashes, type SnapshotParts } from "./snapshot.ts";

const parts: SnapshotParts = {
  format: 1,
  image: "i",
  driver: "bubblewrap",
  repository: "repo_1",
  folder: "/workspace/shop",
  script: "npm ci",
  variables: { A: "1", B: "2" },
  secrets: { TOKEN: "sec_1" },
  network: { kind: "none" },
  toolchains: {},
  foundBy: { "package-lock.json": "a" },
  generation: 0,
};

test("every part makes another family, and the order of names does not", () => {
  const family = familyOf(partHashes(parts));
  const changes: Partial<SnapshotParts>[] = [
    { format: 2 },
    { image: "j" },
    { driver: "other" },
    { repository: "repo_2" },
    { folder: "/workspace/x" },
    { script: "" },
    { variables: { A: "1" } },
    { variables: { A: "12", B: "" } },
    { secrets: { TOKEN: "sec_2" } },
    { network: { kind: "all", ports: [443] } },
    { network: { kind: "all", ports: [80] } },
    { toolchains: { node: "22" } },
    { foundBy: { "package-lock.json": "b" } },
    { generation: 1 },
  ];
  for (const change of changes) assert.notEqual(familyOf(partHashes({ ...parts, ...change })), family, JSON.stringify(change));
  assert.equal(familyOf(partHashes({ ...parts, variables: { B: "2", A: "1" } })), family);
});

test("a miss names all that has changed, and never a value", () => {
  const before = partHashes(parts);
  assert.equal(missInWords(null, before), "nothing is kept on this worker yet");
  assert.equal(missInWords(before, before), "what was kept is not on the worker's disk any more");
  const after = partHashes({ ...parts, script: "npm install", secrets: { TOKEN: "sec_2" } });
  assert.equal(missInWords(before, after), "the setup script was changed; the setup secrets were changed");
});
