import { failureInWords } from "@farhand/protocol";
import { budgetOf, remainingMs } from "../domain/budget.ts";
import type { EngineInput } from "../engine/engine.ts";
import type { Lease } from "../store/leases.ts";
import { waitingReplies } from "../store/replies.ts";
import { usedBefore } from "../store/usage.ts";
import { machineFacts } from "./machine-facts.ts";
import type { NetworkLog } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import type { Place } from "./prepare.ts";
import { conversationOf, type EngineEnd } from "./resume.ts";
import { patient, patiently, type RunLog } from "./run-log.ts";
import type { Stops } from "./stops.ts";
import { storedOutput } from "./stored-output.ts";
import { tellingWriting } from "./writing.ts";

/** An agent whose time is up stops by itself; this is for one that does not. */
const STOPPING_LIMIT_MS = 60_000;

/** Has the agent work in its place, within what the runs before left of the turn's limits. */
export async function work(
  place: Place,
  lease: Lease,
  parts: WorkerParts,
  log: RunLog,
  network: NetworkLog,
  { signal, finish }: Stops,
): Promise<EngineEnd> {
  const budget = budgetOf(lease.limits, place.environment.spec.limits.turnMinutes, parts.config);
  const used = await patiently(() => usedBefore(parts.db, lease), signal);
  return log.phase(
    "agent",
    Math.max(0, remainingMs(budget, used)),
    async (limit) => {
      const input = await inputFor(place, { budget, usedBefore: used }, lease, parts, limit);
      return runEngine(input, place, lease, parts, log, network, { signal: limit, finish });
    },
    ({ steps }) => `${steps} ${steps === 1 ? "step" : "steps"}`,
    STOPPING_LIMIT_MS,
  );
}

async function inputFor(
  place: Place,
  limits: Pick<EngineInput, "budget" | "usedBefore">,
  lease: Lease,
  { db }: WorkerParts,
  signal: AbortSignal,
): Promise<EngineInput> {
  return {
    ...limits,
    conversation: await conversationOf(lease, patient(db, signal)),
    stepsBefore: place.start.stepsBefore,
    machineIsNew: !place.isWarm && (place.start.keptUntil > 0 || lease.follows !== null),
    machineStands: place.isWarm,
    wentBack: lease.followsUntil !== null && place.start.keptUntil === 0,
    model: lease.model,
    ...(lease.effort && { effort: lease.effort }),
    workspace: place.folder,
    mode: lease.mode,
    machine: await machineFacts(place.sandbox, signal),
    repository: place.repository,
    ...(place.setupFailed && { setupFailed: failureInWords(place.setupFailed) }),
    checks: lease.mode === "code" ? place.environment.spec.checks : [],
    network: place.network,
  };
}

/**
 * Stores each report before the engine goes on; so a tool runs only after its start is on record. Only after a change of the tree the engine may ask
 * its model while the tree is being saved: no tool starts before that is done, and all is stored in its order.
 */
async function runEngine(
  input: EngineInput,
  { sandbox, checkpoints }: Place,
  lease: Lease,
  { engine, db, config, log: diary }: WorkerParts,
  log: RunLog,
  network: NetworkLog,
  { signal, finish }: Stops,
): Promise<EngineEnd> {
  const writing = tellingWriting(db, lease, diary);
  const keep = {
    storeOutput: () => storedOutput(patient(db, signal), lease.taskId, config.maxOutputBytes),
    replies: () => waitingReplies(patient(db, signal), lease.attemptId),
    refusals: network.refusals,
    isUnchanged: () => checkpoints.isUnchanged(),
    finish,
    writing: writing.write,
  };
  let end: EngineEnd | null = null;
  try {
    for await (const { events, said, mayHaveChanged } of engine.run(input, sandbox, keep, signal)) {
      writing.end();
      const isToKeep = mayHaveChanged && lease.mode === "code";
      const stored = log.append(events, said, isToKeep ? checkpoints.save(signal) : undefined);
      const last = events.at(-1);
      if (!isToKeep && last?.type !== "step.started") await stored;
      if (last?.type === "engine.stopped") end = last;
    }
  } finally {
    writing.end();
  }
  if (!end) throw new Error("the engine ended without saying why");
  return end;
}
