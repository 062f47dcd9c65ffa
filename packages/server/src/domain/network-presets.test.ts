import assert from "node:assert/strict";
import { test } from "node:test";
import { domainFault, NetworkPreset } from "@farhand/protocol";
import { NETWORK_PRESETS } from "./network-presets.ts";

test("a preset names only what somebody could name, in the form that is compared", () => {
  for (const preset of NetworkPreset.options)
    for (const domain of NETWORK_PRESETS[preset]) {
      assert.equal(domainFault(domain), null, domain);
      assert.equal(domain, domain.toLowerCase());
    }
});
