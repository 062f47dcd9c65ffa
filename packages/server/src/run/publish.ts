import { crashAt } from "../crash.ts";
import { UserError } from "../domain/user-error.ts";
import { commitPatch } from "../forge/git/commit.ts";
import { fetchMirror } from "../forge/git/mirror.ts";
import { pushBranch } from "../forge/git/push.ts";
import { resolveRef } from "../forge/git/resolve-ref.ts";
import { wholeBlob } from "../store/blobs.ts";
import { environmentOfTask } from "../store/environments.ts";
import { type Publication, type PublicationEnd, settlePublication } from "../store/publications.ts";
import { accessTo } from "./access.ts";
import type { WorkerParts } from "./parts.ts";
import { patient, patiently } from "./run-log.ts";

const LIMIT_MS = 10 * 60_000;

/** Brings a stored patch to the repository's host: commit, push. The same publication makes the same commit, so it may be repeated. Its end is stored. */
export async function publish(publication: Publication, parts: WorkerParts, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(LIMIT_MS);
  const end = await bringToHost(publication, parts, AbortSignal.any([signal, deadline])).catch((error): PublicationEnd => {
    if (signal.aborted) return { state: "interrupted" };
    if (error instanceof UserError) return { state: "failed", detail: error.message };
    parts.log.error({ err: error, task: publication.taskId }, "a publication failed");
    if (deadline.aborted) return { state: "failed", detail: `it took longer than its limit of ${LIMIT_MS / 60_000} minutes` };
    return { state: "failed", detail: error instanceof Error ? error.message : String(error) };
  });
  await patiently(() => settlePublication(parts.db, publication, end), AbortSignal.timeout(parts.config.leaseMs * 4));
  parts.counters.published(end.state);
}

async function bringToHost(publication: Publication, { db, config, keyring }: WorkerParts, signal: AbortSignal): Promise<PublicationEnd> {
  const store = patient(db, signal);
  const environment = await environmentOfTask(store, publication.taskId);
  const access = accessTo(environment, keyring);
  const patch = await wholeBlob(store, publication.taskId, publication.patchBlob, "patch");
  const mirror = await fetchMirror({ home: config.home, repositoryId: environment.repositoryId, access }, signal);
  crashAt("publish: mirror fetched");
  await resolveRef(mirror, access, publication.baseCommit, signal);
  const { baseCommit: base, message, author, dated: date, branch, pushed: expected } = publication;
  await using committed = await commitPatch(mirror, { base, patch, message, author, date }, signal);
  crashAt("publish: commit made");
  await pushBranch(mirror, access, { branch, commit: committed, expected }, signal);
  crashAt("publish: pushed");
  return { state: "published", commit: committed.commit };
}
