import assert from "node:assert/strict";
import { test } from "node:test";
import { networkPolicy, setupNetworkPolicy } from "./network-options.ts";

test("options make a whole policy, or none where they say nothing", () => {
  assert.equal(networkPolicy({}), null);
  assert.deepEqual(networkPolicy({ network: "none" }), { kind: "none" });
  assert.deepEqual(networkPolicy({ network: "all", allowPort: ["8443"] }), { kind: "all", ports: [8443] });
  assert.deepEqual(networkPolicy({ allow: ["example.org", "example.net"], preset: ["common"] }), {
    kind: "allow",
    domains: ["example.org", "example.net"],
    presets: ["common"],
  });
});

test("what contradicts itself is said in words", () => {
  for (const [options, words] of [
    [{ network: "allow" }, /name domains with --allow or a list with --preset/],
    [{ network: "all", allow: ["example.org"] }, /needs no --allow/],
    [{ network: "none", preset: ["common"] }, /allows nothing/],
    [{ network: "some" }, /takes none, allow or all, not "some"/],
    [{ preset: ["everything"] }, /no preset "everything"; there are: package-managers, common/],
    [{ allowPort: ["443"] }, /goes with/],
    [{ network: "all", allowPort: ["http"] }, /--allow-port takes a whole number/],
  ] as const)
    assert.throws(() => networkPolicy(options as Parameters<typeof networkPolicy>[0]), words);
});

test("the options for setup are their own, and are named in what is wrong with them", () => {
  assert.equal(setupNetworkPolicy({}), null);
  assert.deepEqual(setupNetworkPolicy({ setupPreset: ["common"], setupAllowPort: ["443"] }), {
    kind: "allow",
    domains: [],
    presets: ["common"],
    ports: [443],
  });
  assert.throws(
    () => setupNetworkPolicy({ setupNetwork: "allow" }),
    /--setup-network allow .* --setup-allow or a list with --setup-preset/,
  );
});
