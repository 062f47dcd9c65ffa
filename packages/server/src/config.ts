import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { CRASH_POINTS, type CrashPoint } from "./crash.ts";
import { Secret } from "./domain/secret.ts";

/** The operator can mend it: the message names the thing and the way out, and is shown without a stack. */
export class StartupError extends Error {
  override readonly name = "StartupError";
}

const positive = (fallback: number, max = 1_000_000) =>
  z
    .string()
    .regex(/^[0-9]+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .prefault(String(fallback));

const directory = z.string().refine(isAbsolute, "must be an absolute path");
const url = (protocols: RegExp) => z.url({ protocol: protocols });
const list = z.string().transform((text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean),
);
const key = z
  .string()
  .regex(/^[\x21-\x7e]+$/, "must be one word of printable ASCII")
  .transform((text) => new Secret(text));

const network = z.string().refine((text) => {
  try {
    return text.includes("/") ? Boolean(ipaddr.parseCIDR(text)) : Boolean(ipaddr.parse(text));
  } catch {
    return false;
  }
}, "must be addresses or networks such as 10.0.0.0/8, separated by commas");

const Variables = z.object({
  FARHAND_ROLE: z.enum(["all", "api", "worker"]).default("all"),
  FARHAND_HOME: directory.optional(),
  FARHAND_HOST: z.string().min(1).default("127.0.0.1"),
  FARHAND_PORT: positive(7420, 65_535),
  FARHAND_PUBLIC_URL: url(/^https?$/).optional(),
  FARHAND_TRUSTED_PROXIES: list.pipe(z.array(network)).prefault(""),
  DATABASE_URL: url(/^postgres(ql)?$/).optional(),
  FARHAND_WORKER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, "use 1 to 64 letters, digits, dots, underscores and dashes")
    .optional(),
  FARHAND_MAX_RUNS: positive(50),
  FARHAND_MAX_RUNS_PER_USER: positive(10),
  FARHAND_MAX_RUNS_PER_WORKER: positive(20),
  FARHAND_MAX_STEPS: positive(200),
  FARHAND_MAX_TOKENS: positive(20_000_000, 1_000_000_000_000),
  FARHAND_MAX_COST_USD: z.coerce.number("must be a number").positive().max(1_000_000).prefault("10"),
  FARHAND_LEASE_SECONDS: positive(15, 3600),
  FARHAND_CHECKOUT_MINUTES: positive(30, 1440),
  FARHAND_LAYERS_GB: positive(50),
  FARHAND_KEEP_SANDBOX_MINUTES: z.coerce.number("must be a number").min(0).max(1440).prefault("10"),
  FARHAND_KEEP_OUTPUTS_DAYS: positive(90),
  FARHAND_KEEP_CHECKPOINTS_DAYS: positive(90),
  FARHAND_KEEP_ARCHIVED_DAYS: positive(180),
  FARHAND_KEEP_MIRRORS_DAYS: positive(90),
  FARHAND_KEEP_AUDIT_DAYS: positive(365),
  FARHAND_KEEP_CHECKPOINTS_MB: positive(2000),
  FARHAND_MAX_PATCH_MB: positive(100, 1024),
  FARHAND_MAX_CHECKPOINT_MB: positive(500, 4096),
  FARHAND_MAX_OUTPUT_MB: positive(100, 1024),
  FARHAND_UID_BASE: positive(210_000_000, 4_000_000_000),
  FARHAND_UID_COUNT: positive(10_000, 1_000_000),
  OPENAI_API_KEY: key.optional(),
  OPENAI_BASE_URL: url(/^https?$/).optional(),
  ANTHROPIC_API_KEY: key.optional(),
  ANTHROPIC_BASE_URL: url(/^https?$/).optional(),
  FARHAND_COMPATIBLE_BASE_URL: url(/^https?$/).optional(),
  FARHAND_COMPATIBLE_API_KEY: key.optional(),
  FARHAND_COMPATIBLE_MODELS: list.prefault(""),
  FARHAND_SAMPLE: z.enum(["yes", "no"]).default("yes"),
  FARHAND_CRASH_AT: z
    .string()
    .transform((list) => list.split(",").filter(Boolean))
    .pipe(z.array(z.enum(CRASH_POINTS)))
    .prefault(""),
  FARHAND_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

/** How a provider of models is reached, as the operator set it. Only a worker has these. */
export type ProviderVariables = { baseUrl: string | null; key: Secret | null; models: readonly string[] };

export type Config = {
  role: "all" | "api" | "worker";
  home: string;
  host: string;
  port: number;
  /** Where users reach the service; what links and the Host check are made from. */
  publicUrl: string;
  trustedProxies: readonly string[];
  /** null = the embedded PostgreSQL of `home`. */
  databaseUrl: string | null;
  workerName: string;
  maxRuns: number;
  maxRunsPerUser: number;
  maxRunsPerWorker: number;
  /** What an attempt may use where its task does not say. */
  maxSteps: number;
  maxTokens: number;
  maxCostUsd: number;
  leaseMs: number;
  checkoutLimitMs: number;
  maxLayersBytes: number;
  /** How long the sandbox of an attempt that has ended is kept for what follows; 0 = not at all. */
  keepSandboxMs: number;
  /** After how many days what is old goes. */
  keepDays: { outputs: number; checkpoints: number; archived: number; mirrors: number; audit: number };
  /** What the saved working trees of one task may take, packed. */
  keepCheckpointsBytes: number;
  maxPatchBytes: number;
  /** Of what one checkpoint adds to the one before it, packed. */
  maxCheckpointBytes: number;
  maxOutputBytes: number;
  /** Host uids for sandboxes, where the worker is root: `base` and the `count - 1` after it. Must belong to nobody else. */
  uids: { base: number; count: number };
  /** Empty in every role but `worker`. */
  providers: Readonly<Partial<Record<"openai" | "anthropic" | "compatible", ProviderVariables>>>;
  /** Whether the first start makes the sample project. */
  sample: boolean;
  /** Where processes stop hard, once each; for tests. */
  crashAt: readonly CrashPoint[];
  logLevel: "debug" | "info" | "warn" | "error";
};

/** Reads the whole configuration once. Throws StartupError that names every fault. Every variable stands in docs/configuration.md. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, isRoot: boolean): Readonly<Config> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = Variables.safeParse(set);
  if (!parsed.success) {
    throw new StartupError(parsed.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`).join("\n"));
  }
  const v = parsed.data;
  const shownHost = v.FARHAND_HOST.includes(":") ? `[${v.FARHAND_HOST}]` : v.FARHAND_HOST;
  return Object.freeze({
    role: v.FARHAND_ROLE,
    home: v.FARHAND_HOME ?? (isRoot ? "/var/lib/farhand" : join(homedir(), ".farhand")),
    host: v.FARHAND_HOST,
    port: v.FARHAND_PORT,
    publicUrl: (v.FARHAND_PUBLIC_URL ?? `http://${shownHost}:${v.FARHAND_PORT}`).replace(/\/+$/, ""),
    trustedProxies: v.FARHAND_TRUSTED_PROXIES,
    databaseUrl: v.DATABASE_URL ?? null,
    workerName: v.FARHAND_WORKER_NAME ?? hostname(),
    maxRuns: v.FARHAND_MAX_RUNS,
    maxRunsPerUser: v.FARHAND_MAX_RUNS_PER_USER,
    maxRunsPerWorker: v.FARHAND_MAX_RUNS_PER_WORKER,
    maxSteps: v.FARHAND_MAX_STEPS,
    maxTokens: v.FARHAND_MAX_TOKENS,
    maxCostUsd: v.FARHAND_MAX_COST_USD,
    leaseMs: v.FARHAND_LEASE_SECONDS * 1000,
    checkoutLimitMs: v.FARHAND_CHECKOUT_MINUTES * 60_000,
    maxLayersBytes: v.FARHAND_LAYERS_GB * 1024 ** 3,
    keepSandboxMs: v.FARHAND_KEEP_SANDBOX_MINUTES * 60_000,
    keepDays: {
      outputs: v.FARHAND_KEEP_OUTPUTS_DAYS,
      checkpoints: v.FARHAND_KEEP_CHECKPOINTS_DAYS,
      archived: v.FARHAND_KEEP_ARCHIVED_DAYS,
      mirrors: v.FARHAND_KEEP_MIRRORS_DAYS,
      audit: v.FARHAND_KEEP_AUDIT_DAYS,
    },
    keepCheckpointsBytes: v.FARHAND_KEEP_CHECKPOINTS_MB * 1024 * 1024,
    maxPatchBytes: v.FARHAND_MAX_PATCH_MB * 1024 * 1024,
    maxCheckpointBytes: v.FARHAND_MAX_CHECKPOINT_MB * 1024 * 1024,
    maxOutputBytes: v.FARHAND_MAX_OUTPUT_MB * 1024 * 1024,
    uids: { base: v.FARHAND_UID_BASE, count: v.FARHAND_UID_COUNT },
    providers: v.FARHAND_ROLE === "worker" ? providersOf(v) : {},
    sample: v.FARHAND_SAMPLE === "yes",
    crashAt: v.FARHAND_CRASH_AT,
    logLevel: v.FARHAND_LOG_LEVEL,
  });
}

function providersOf(v: z.infer<typeof Variables>): Config["providers"] {
  return {
    openai: { baseUrl: v.OPENAI_BASE_URL ?? null, key: v.OPENAI_API_KEY ?? null, models: [] },
    anthropic: { baseUrl: v.ANTHROPIC_BASE_URL ?? null, key: v.ANTHROPIC_API_KEY ?? null, models: [] },
    compatible: {
      baseUrl: v.FARHAND_COMPATIBLE_BASE_URL ?? null,
      key: v.FARHAND_COMPATIBLE_API_KEY ?? null,
      models: v.FARHAND_COMPATIBLE_MODELS,
    },
  };
}
