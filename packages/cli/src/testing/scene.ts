import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Call, farhand } from "./farhand.ts";
import { startService, TOKEN } from "./service.ts";

/** A service, and a user with an empty home who calls the program. */
export async function scene() {
  const service = await startService();
  const home = await mkdtemp(join(tmpdir(), "farhand-cli-test-"));
  const env = { FARHAND_URL: service.url, FARHAND_TOKEN: TOKEN, HOME: home };
  return {
    service,
    home,
    run: (args: string[], call: Call = {}) => farhand(args, { cwd: home, ...call, env: { ...env, ...call.env } }),
    /** Without the address and token in the environment. */
    bare: (args: string[], call: Call = {}) => farhand(args, { cwd: home, ...call, env: { HOME: home, ...call.env } }),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}
