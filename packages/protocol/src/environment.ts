import { z } from "zod";
import { NetworkPolicy, NO_NETWORK } from "./network.ts";
import { RunRecipe, Toolchains } from "./recipe.ts";
import { Checks, DEFAULT_SETUP_MINUTES, Script, SetupMinutes, SnapshotView, Variables } from "./setup.ts";

/** What a sandbox may use. A driver that cannot hold one of them says so; with `required` it then refuses. */
export const Limits = z.strictObject({
  memoryMb: z.int().min(64).max(1_048_576),
  cpus: z.number().min(0.1).max(1024),
  processes: z.int().min(16).max(1_000_000),
  diskMb: z.int().min(64).max(10_485_760),
  /** How long the agent phase of one turn may take. */
  turnMinutes: z.int().min(1).max(1440),
  /** true: no sandbox is made where a limit cannot be held. */
  required: z.boolean(),
});
export type Limits = z.infer<typeof Limits>;

export const DEFAULT_LIMITS: Limits = { memoryMb: 4096, cpus: 2, processes: 1024, diskMb: 10_240, turnMinutes: 60, required: false };

export const PublishPolicy = z.enum(["click", "always"]);

/** `link`: the address of the task, whose page has the transcript, stands in the commit's message. */
export const TranscriptPolicy = z.enum(["none", "link"]);
export type TranscriptPolicy = z.infer<typeof TranscriptPolicy>;

export const EnvironmentName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "use 1 to 63 of a-z, 0-9, dot, underscore and dash, first a letter or digit");

export const GitRef = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s~^:?*[\\\x00-\x1f\x7f-][^\s~^:?*[\\\x00-\x1f\x7f]*$/, "is no valid name of a branch, tag or commit")
  .refine(
    (ref) => !ref.includes("..") && !ref.includes("@{") && !ref.endsWith("/") && !ref.endsWith(".lock"),
    "is no valid name of a branch, tag or commit",
  );

/** Recipe for the sandboxes of one repository. Every change makes a new version; a task keeps the one it began with. */
export const EnvironmentSpec = z.object({
  /** https URL, or an absolute path on the server (administrators only). */
  repository: z.string().min(1).max(2048),
  /** Where tasks start if they name nothing; null = the repository's default branch. */
  branch: GitRef.nullable(),
  publish: PublishPolicy,
  /** What a commit says of how it came to be. */
  transcript: TranscriptPolicy.default("none"),
  limits: Limits,
  /** Run once on a checkout, with the setup secrets; what it leaves is kept for later tasks. */
  setup: Script.default(""),
  /** The repository has its say: its recipe or devcontainer.json counts, and where there is no setup script one is found by its files. */
  automaticSetup: z.boolean().default(false),
  /** Run when what setup left is used at another commit. */
  maintenance: Script.default(""),
  /** Of setup and of the agent's commands. */
  variables: Variables.default({}),
  /** Versions that setup must find. */
  toolchains: Toolchains.default({}),
  /** How long either script may take. */
  setupMinutes: SetupMinutes.default(DEFAULT_SETUP_MINUTES),
  /** Of setup and maintenance. */
  setupNetwork: NetworkPolicy.default(NO_NETWORK),
  /** Of the agent phase. */
  network: NetworkPolicy.default(NO_NETWORK),
  /** Commands that are run before a change counts as finished. */
  checks: Checks.default([]),
});
export type EnvironmentSpec = z.infer<typeof EnvironmentSpec>;

export const Environment = EnvironmentSpec.extend({
  id: z.string(),
  name: EnvironmentName,
  version: z.int(),
  hasToken: z.boolean(),
  /** Names of the setup secrets; their values are never shown. */
  secrets: z.array(z.string()).default([]),
  /** What is kept of its setup, newest first. */
  snapshots: z.array(SnapshotView).default([]),
  /** Why setup had to run the last time, and how it failed if it did; null = it never ran. */
  lastMiss: z.object({ reason: z.string(), at: z.iso.datetime() }).nullable().default(null),
  /** Every domain that the network policy allows, presets spelled out. */
  allowedDomains: z.array(z.string()).default([]),
  /** The same of the policy for setup. */
  setupAllowedDomains: z.array(z.string()).default([]),
  /** By what the last run at the environment's own branch worked; null = none yet. */
  recipe: RunRecipe.extend({ at: z.iso.datetime() }).nullable().default(null),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Environment = z.infer<typeof Environment>;
