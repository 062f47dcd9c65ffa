import { z } from "zod";
import { NO_NETWORK } from "./network.ts";

/** Linux takes no longer argument of a program. */
const MAX_SCRIPT_BYTES = 100_000;
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_NAMES = 200;

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** A script for bash -e, or sh -e where there is no bash; "" = none. */
export const Script = z
  .string()
  .refine(
    (text) => bytesOf(text) <= MAX_SCRIPT_BYTES,
    `is longer than ${MAX_SCRIPT_BYTES} bytes: put it into a file of the repository and call that`,
  )
  .refine((text) => !text.includes("\0"), "must not contain a NUL character");

/** A command for the same shell, that must succeed before the agent's change counts as finished. */
export const Check = z
  .string()
  .trim()
  .min(1, "is empty")
  .max(10_000)
  .refine((text) => !text.includes("\0"), "must not contain a NUL character");
/** In the order in which they run. */
export const Checks = z.array(Check).max(20);

/** Git's own variables would turn our git in the sandbox away from the tree. */
export const VariableName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "use letters, digits and underscores, first no digit")
  .refine((name) => !name.startsWith("GIT_") || /^GIT_(AUTHOR|COMMITTER)_/.test(name), "names that begin with GIT_ are for git's own use");

const value = z
  .string()
  .refine((text) => bytesOf(text) <= MAX_VALUE_BYTES, `is longer than ${MAX_VALUE_BYTES} bytes`)
  .refine((text) => !text.includes("\0"), "must not contain a NUL character");

const few = <T extends object>(named: T) => Object.keys(named).length <= MAX_NAMES;

export const Variables = z.record(VariableName, value).refine(few, `more than ${MAX_NAMES} are not taken`);
/** What is named changes; null takes it away. */
export const VariableChanges = z.record(VariableName, value.nullable()).refine(few, `more than ${MAX_NAMES} are not taken`);
export const Secrets = z.record(VariableName, value.min(1, "is empty")).refine(few, `more than ${MAX_NAMES} are not taken`);
export const SecretChanges = z
  .record(VariableName, value.min(1, "is empty").nullable())
  .refine(few, `more than ${MAX_NAMES} are not taken`);

export const SetupMinutes = z.int().min(1).max(1440);
export const DEFAULT_SETUP_MINUTES = 30;

/** What is kept of an environment's setup. */
export const SnapshotView = z.object({
  worker: z.string(),
  commit: z.string(),
  madeAt: z.iso.datetime(),
  usedAt: z.iso.datetime(),
  /** Tasks that needed no setup by it. */
  hits: z.int(),
  /** What setup left on the disk; null = not measured. */
  bytes: z.int().nullable(),
});
export type SnapshotView = z.infer<typeof SnapshotView>;

/** The setup of an environment that has none. */
export const NO_SETUP = {
  setup: "",
  automaticSetup: false,
  maintenance: "",
  variables: {},
  toolchains: {},
  setupMinutes: DEFAULT_SETUP_MINUTES,
  setupNetwork: NO_NETWORK,
  checks: [],
};
