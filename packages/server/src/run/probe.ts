import { UserError } from "../domain/user-error.ts";
import { probe } from "../forge/git/probe.ts";
import { parseRepository } from "../forge/git/repository.ts";
import type { Probe, ProbeAnswer } from "../store/probes.ts";
import type { WorkerParts } from "./parts.ts";

const LIMIT_MS = 30_000;

/** Answers the API's question whether a repository can be used, in words for the one who named it. */
export async function lookAt(question: Probe, { keyring, log }: WorkerParts, signal: AbortSignal): Promise<ProbeAnswer> {
  try {
    const token = question.sealed_token && keyring.open(question.sealed_token);
    const access = { repository: parseRepository(question.url), token, administrator: question.by_administrator };
    const { defaultBranch } = await probe(access, question.branch, AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]));
    return { ok: true, defaultBranch };
  } catch (error) {
    if (error instanceof UserError) return { ok: false, code: error.code, detail: error.message };
    log.error({ err: error }, "a repository could not be looked at");
    return { ok: false, code: "unavailable", detail: "the repository could not be looked at; the worker's log says why" };
  }
}
