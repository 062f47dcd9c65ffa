import { flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import type { Config } from "../config.ts";
import { StartupError } from "../config.ts";
import { openLog } from "../log.ts";
import { watchAccess } from "../store/access.ts";
import { openDb } from "../store/db.ts";
import { eventFeeds } from "../store/event-log.ts";
import { keepPublicUrl } from "../store/public-url.ts";
import { sessionSecret } from "../store/session-secret.ts";
import { noteAddress } from "../supervisor/address.ts";
import { systemUser } from "../supervisor/system-user.ts";
import { readPage } from "./page-files.ts";
import { buildApi } from "./server.ts";
import { openSignIn } from "./sign-in.ts";

const pageFolder = fileURLToPath(new URL("../../../web/dist", import.meta.url));

/** The role `api`: listens, then gives up the rights of root where it has them. Holds no key and needs none. */
export async function startApi(config: Config): Promise<{ stop(): Promise<void> }> {
  if (config.databaseUrl === null) throw new StartupError("DATABASE_URL: the role api needs the database that the workers use");
  const log = openLog("api", config.logLevel);
  const db = openDb(config.databaseUrl, (error) => log.warn({ err: error }, "a database connection broke"), 20);
  const stopping = new AbortController();
  const feeds = await eventFeeds(db, stopping.signal, (error) => log.warn({ err: error }, "events could not be read; trying again"));
  const access = await watchAccess(db, stopping.signal, (error) =>
    log.warn({ err: error }, "a token or session could not be looked up; trying again"),
  );
  const signIn = await openSignIn(config, {
    databaseUrl: config.databaseUrl,
    secret: await sessionSecret(db),
    onError: (error) => log.warn({ err: error }, "sessions: something failed"),
  });
  await keepPublicUrl(db, config.publicUrl);
  const page = await readPage(pageFolder);
  if (!page) log.warn("the page has not been built, so only the API is served: npm start builds it");
  const app = await buildApi(config, { db, feeds, access, limits: config, signIn, page }, log);
  await noteAddress(config.home, config).catch((error) => log.warn({ err: error }, "farhand on this machine is not told the address"));
  log.level = "warn"; // who starts this process says in better words that it listens
  await app.listen({ host: config.host, port: config.port });
  log.level = config.logLevel;
  flushCompileCache(); // afterwards it may not be writable
  giveUpRoot();
  return {
    async stop() {
      stopping.abort();
      await app.close();
      await signIn.close();
      await db.close();
    },
  };
}

function giveUpRoot(): void {
  if (process.getuid?.() !== 0) return;
  const user = systemUser();
  if (!user)
    throw new StartupError("the API does not serve as root, and there is no system user farhand: make it with useradd --system farhand");
  process.setgroups?.([user.gid]);
  process.setgid?.(user.gid);
  process.setuid?.(user.uid);
}
