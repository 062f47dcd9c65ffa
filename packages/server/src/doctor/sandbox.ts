import type { SandboxDriver } from "../sandbox/sandbox.ts";
import { type Check, failed, ok, warning } from "./check.ts";

/** What a driver really gives on this host. */
export async function checkSandbox(driver: SandboxDriver): Promise<Check> {
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
