import { z } from "zod";
import { Environment, EnvironmentName, EnvironmentSpec, GitRef, Limits, PublishPolicy, TranscriptPolicy } from "./environment.ts";
import { TaskEvent } from "./event.ts";
import { NewImages } from "./image.ts";
import { LimitChanges, TurnLimits } from "./limits.ts";
import { Effort } from "./model.ts";
import { NewNetworkPolicy, NO_NETWORK, PACKAGES_ONLY } from "./network.ts";
import { ToolchainChanges, Toolchains } from "./recipe.ts";
import { Checks, DEFAULT_SETUP_MINUTES, Script, SecretChanges, Secrets, SetupMinutes, VariableChanges, Variables } from "./setup.ts";
import { Mode, TaskSummary } from "./task.ts";

/** RFC 9457. `code` is stable; `detail` is a sentence for people that names the thing and the way out. */
export const Problem = z.object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string(), code: z.string() });
export type Problem = z.infer<typeof Problem>;

const token = z.string().min(1).max(4096);

/** What is not named gets its default: the repository's default branch, publication on a click, DEFAULT_LIMITS, no network for the agent, that of package managers for setup. */
export const NewEnvironment = z.strictObject({
  name: EnvironmentName,
  repository: EnvironmentSpec.shape.repository,
  branch: GitRef.nullable().default(null),
  publish: PublishPolicy.default("click"),
  transcript: TranscriptPolicy.default("none"),
  limits: Limits.partial().default({}),
  setup: Script.default(""),
  automaticSetup: z.boolean().default(true),
  maintenance: Script.default(""),
  variables: Variables.default({}),
  toolchains: Toolchains.default({}),
  setupMinutes: SetupMinutes.default(DEFAULT_SETUP_MINUTES),
  /** For the setup phase only; stored encrypted, never shown again. */
  secrets: Secrets.default({}),
  setupNetwork: NewNetworkPolicy.default(PACKAGES_ONLY),
  network: NewNetworkPolicy.default(NO_NETWORK),
  checks: Checks.default([]),
  /** Access token for an https repository; stored encrypted, never shown again. */
  token: token.optional(),
});
export type NewEnvironment = z.input<typeof NewEnvironment>;

/** What of an environment is no secret and no name: what its versions differ in, and what is written as YAML. */
export const Recipe = NewEnvironment.omit({ name: true, secrets: true, token: true });
export type Recipe = z.output<typeof Recipe>;

/** Only what is named changes. `token: null` forgets the stored one. */
export const EnvironmentChange = NewEnvironment.omit({ name: true })
  .extend({
    /** The version that was looked at: if it is no longer the latest, nothing changes (409). */
    version: z.int().min(1),
    branch: GitRef.nullable(),
    publish: PublishPolicy,
    transcript: TranscriptPolicy,
    limits: Limits.partial(),
    setup: Script,
    automaticSetup: z.boolean(),
    maintenance: Script,
    variables: VariableChanges,
    toolchains: ToolchainChanges,
    setupMinutes: SetupMinutes,
    secrets: SecretChanges,
    setupNetwork: NewNetworkPolicy,
    network: NewNetworkPolicy,
    checks: Checks,
    token: token.nullable(),
  })
  .partial();
export type EnvironmentChange = z.input<typeof EnvironmentChange>;

export const MAX_ATTEMPTS = 4;
const Attempts = z.int().min(1).max(MAX_ATTEMPTS);
const AttemptNumber = Attempts;
const prompt = z.string().trim().min(1, "is empty: say what is to be done").max(1_000_000);

export const NewTask = z.strictObject({
  /** Name or id of the environment. */
  environment: z.string().min(1).max(100),
  prompt,
  title: z.string().trim().min(1).max(200).optional(),
  ref: GitRef.optional(),
  mode: Mode.default("code"),
  /** Default: the one that an administrator chose, else the first that can be asked. */
  model: z.string().min(1).max(200).optional(),
  /** How much the model is to think; which it knows stands in its facts. Default: as its provider sees fit. */
  effort: Effort.optional(),
  priority: z.int().min(-100).max(100).default(0),
  limits: TurnLimits.default({}),
  /** So many independent candidates are worked out side by side. */
  attempts: Attempts.default(1),
  images: NewImages.optional(),
});
export type NewTask = z.input<typeof NewTask>;

/** The next turn of a task whose last one has ended. What is not named is as in the turn before. */
export const NewTurn = z.strictObject({
  prompt,
  /** The attempt of the last turn to go on from; needed where several succeeded and none is chosen. */
  attempt: AttemptNumber.optional(),
  /** Goes back to how conversation and files were after this step of that attempt; `StepsKept` says which can be. Not with `ask`. */
  fromStep: z.int().min(1).optional(),
  attempts: Attempts.default(1),
  model: z.string().min(1).max(200).optional(),
  /** null = as the model's provider sees fit; so it is with another model, where nothing is named. */
  effort: Effort.nullish(),
  /** With `ask`, the change that it goes on from stays as it is. */
  mode: Mode.optional(),
  /** What is not named is as in the turn before. */
  limits: LimitChanges.default({}),
  images: NewImages.optional(),
});
export type NewTurn = z.input<typeof NewTurn>;

/** The steps of an attempt after which its files are still stored. */
export const StepsKept = z.object({ steps: z.array(z.int()) });
export type StepsKept = z.infer<typeof StepsKept>;

/** What is said while the agent works: given to the model before its next step. */
export const NewMessage = z.strictObject({
  text: prompt,
  /** To one attempt of the turn; absent: to all that still work. */
  attempt: AttemptNumber.optional(),
});
export type NewMessage = z.input<typeof NewMessage>;

export const AttemptChoice = z.strictObject({ attempt: AttemptNumber });
export type AttemptChoice = z.input<typeof AttemptChoice>;

/** `attempt`: needed where several succeeded and none is chosen. */
export const NewPublication = z.strictObject({ attempt: AttemptNumber.optional() });
export type NewPublication = z.input<typeof NewPublication>;

export const TaskPage = z.object({ tasks: z.array(TaskSummary), cursor: z.string().nullable() });
export type TaskPage = z.infer<typeof TaskPage>;
export const EnvironmentPage = z.object({ environments: z.array(Environment), cursor: z.string().nullable() });
export type EnvironmentPage = z.infer<typeof EnvironmentPage>;

/** What an environment was before, and who made it so. */
export const EnvironmentVersion = z.object({
  version: z.int(),
  recipe: EnvironmentSpec,
  hasToken: z.boolean(),
  secrets: z.array(z.string()),
  createdBy: z.object({ id: z.string(), name: z.string() }),
  createdAt: z.iso.datetime(),
});
export type EnvironmentVersion = z.infer<typeof EnvironmentVersion>;
/** Newest first. The cursor is the number of the last one. */
export const EnvironmentVersionPage = z.object({ versions: z.array(EnvironmentVersion), cursor: z.string().nullable() });
export type EnvironmentVersionPage = z.infer<typeof EnvironmentVersionPage>;

/** A piece of a task's log, for those who do not take the stream. */
export const EventPage = z.object({ events: z.array(TaskEvent) });
export type EventPage = z.infer<typeof EventPage>;

export const Role = z.enum(["member", "administrator"]);
export const User = z.object({ id: z.string(), name: z.string(), email: z.string(), role: Role });
export type User = z.infer<typeof User>;
export const NewUser = z.strictObject({ name: z.string().trim().min(1).max(100), email: z.email(), role: Role.default("member") });
export type NewUser = z.input<typeof NewUser>;
export const UserList = z.object({ users: z.array(User) });

/** What a token may do: only look; look, give tasks and control them; everything that its user may. */
export const TokenScope = z.enum(["read", "tasks", "all"]);
export type TokenScope = z.infer<typeof TokenScope>;
export const ApiToken = z.object({
  id: z.string(),
  name: z.string(),
  scope: TokenScope,
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
});
export type ApiToken = z.infer<typeof ApiToken>;
export const TokenList = z.object({ tokens: z.array(ApiToken) });
export const NewToken = z.strictObject({
  name: z.string().trim().min(1).max(100),
  scope: TokenScope.default("all"),
  user: z.string().optional(),
});
export type NewToken = z.input<typeof NewToken>;
/** The only time that the token itself is shown. */
export const MintedToken = ApiToken.extend({ token: z.string() });
export type MintedToken = z.infer<typeof MintedToken>;
