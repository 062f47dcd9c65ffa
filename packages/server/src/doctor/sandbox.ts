import type { HostCheck } from "@farhand/protocol";
import { failed, ok, warning } from "../domain/check.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";

/** What a driver really gives on this host. */
export async function checkSandbox(driver: SandboxDriver): Promise<HostCheck> {
  const name = `sandbox ${driver.name}`;
  const missing = await driver.missing();
  if (missing.length > 0) return failed(name, missing.join("\n"), "No task runs before this is mended.");
  const loose = await driver.limitsNotHeld();
  if (loose.length === 0) return ok(name, `ready (${driver.isolation})`);
  return warning(
    name,
    `ready (${driver.isolation}), without these limits:\n${loose.join("\n")}`,
    "Environments that require limits are refused here; as root, or with control groups that can be written, they are held.",
  );
}
