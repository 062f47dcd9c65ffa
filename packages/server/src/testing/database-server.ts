import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "../store/postgres/server.ts";
import { ensureSystemUser } from "../supervisor/system-user.ts";

/** Names the running server to test files: the URL of its superuser. */
export const TEST_DATABASE = "FARHAND_TEST_DATABASE";

/** A PostgreSQL server for tests in a temporary folder; disposal stops and removes it. It is fast and would not survive a power failure. */
export async function startTestServer(): Promise<AsyncDisposable & { adminUrl: string }> {
  const folder = await mkdtemp(join(tmpdir(), "farhand-database-"));
  await chmod(folder, 0o711);
  const server = await startPostgres(
    { folder, owner: ensureSystemUser("/nonexistent", () => {}), durable: false },
    AbortSignal.timeout(60_000),
  );
  return {
    adminUrl: server.adminUrl,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
