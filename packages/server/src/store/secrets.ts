import { chmod, link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StartupError } from "../config.ts";
import { newId } from "../domain/id.ts";
import { newSealingKeys, publicKeyOf, type Secret, seal, unseal } from "../domain/secret.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";

const SETTING = "sealing-key";

/** Opens what was sealed; only a worker has one. */
export type Keyring = { open(sealed: Uint8Array): Secret };

/** The worker's private key from `<home>/keys/worker.key` (made at the first start), its public half published in the database. */
export async function openKeyring(db: Queries, home: string): Promise<Keyring> {
  const folder = join(home, "keys");
  const file = join(folder, "worker.key");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const published = await publicKey(db);
  if (!published) await makeKey(file);
  const key = await readFile(file, "utf8").catch(() => null);
  if (!key) throw new StartupError(`${file} is missing, and secrets are sealed for it: copy it from the first worker, or from a backup`);
  const own = publicKeyOf(key.trim());
  await db.query(sql`insert into setting (key, value) values (${SETTING}, ${JSON.stringify(own)}) on conflict do nothing`);
  if ((await publicKey(db)) !== own)
    throw new StartupError(`${file} is not the key that secrets are sealed for: copy it from the first worker, or from a backup`);
  return { open: (sealed) => unseal(sealed, key.trim()) };
}

/** Whole or not at all, and never over one that is there: two workers may start at once. */
async function makeKey(file: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, `${newSealingKeys().privateKey}\n`, { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await unlink(draft);
}

async function publicKey(db: Queries): Promise<string | null> {
  const [row] = await db.query<{ value: string }>(sql`select value from setting where key = ${SETTING}`);
  return row?.value ?? null;
}

/** What the API may do with a secret: seal it for the workers. */
export async function sealForWorkers(db: Queries, secret: Secret): Promise<Buffer> {
  const key = await publicKey(db);
  if (!key) throw new UserError("unavailable", "no worker has ever started, so there is no key to seal it for: start one, then try again");
  return seal(secret, key);
}

export async function addSecret(tx: Queries, sealed: Buffer, by: string): Promise<string> {
  const id = newId("sec");
  await tx.query(sql`insert into secret (id, sealed, created_by) values (${id}, ${sealed}, ${by})`);
  return id;
}
