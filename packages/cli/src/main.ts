import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { Command, CommanderError } from "commander";
import type { Invocation } from "./invocation.ts";

// Halves the time to start. In the user's own folder: in a shared one somebody else could put code there.
const cache = process.env.XDG_CACHE_HOME;
enableCompileCache(join(cache && isAbsolute(cache) ? cache : join(homedir(), ".cache"), "farhand"));

const VERSION = "0.1.0";
/** These have something to say or to clear away after Ctrl-C, and this long for it; the others end at once. */
const PARTING = new Set(["exec", "reply", "retry", "watch", "pr", "apply", "login", "test-setup"]);
const PARTING_MS = 1500;

type Action = (invocation: Invocation) => Promise<number>;

const interrupt = new AbortController();
let parting = false;

/** Commands are loaded when they are called: a short command must not wait for the code of the others. */
async function run(command: Command, action: Action): Promise<void> {
  const { url, json, color } = command.optsWithGlobals<{ url?: string; json?: boolean; color?: boolean }>();
  parting = PARTING.has(command.name());
  const { openScreen } = await import("./screen.ts");
  const invocation: Omit<Invocation, "cwd"> = {
    machine: { env: process.env, home: homedir(), isRoot: process.getuid?.() === 0 },
    url,
    json: json === true,
    screen: openScreen(process.stdout, process.stderr, process.env, color),
    stdin: process.stdin,
    signal: interrupt.signal,
  };
  try {
    process.exitCode = await action({ ...invocation, cwd: await currentFolder() });
  } catch (error) {
    const { reported } = await import("./failure.ts");
    const { safe, safeJson } = await import("./safe-text.ts");
    const { message, code, exitCode } = reported(error);
    invocation.screen.err(invocation.json ? `${safeJson({ error: { code, detail: message } })}\n` : `farhand: ${safe(message)}\n`);
    process.exitCode = interrupt.signal.aborted ? 130 : exitCode;
  }
}

async function currentFolder(): Promise<string> {
  try {
    return process.cwd();
  } catch (cause) {
    const { Failure } = await import("./failure.ts");
    throw new Failure("the current folder is not there any more: go into another one", undefined, { cause });
  }
}

function program(): Command {
  const farhand = new Command("farhand")
    .description("Give coding tasks to Farhand, watch them, and take their results.")
    .version(VERSION, "--version")
    .option("--url <url>", "address of the service (default: FARHAND_URL, the last login, else the service on this machine)")
    .option("--json", "one JSON document (watch and exec --wait: JSON lines)")
    .option("--color", "colours also in a pipe")
    .option("--no-color", "no colours")
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      "after",
      "\nOn the machine of the service, bin/farhand also has: doctor (tries out what the service needs),\nbackup FILE and restore FILE",
    )
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride();
  addTaskCommands(farhand);
  addEnvironmentCommands(farhand);
  addModelCommands(farhand);
  addPeopleCommands(farhand);
  return farhand;
}

function addTaskCommands(farhand: Command): void {
  farhand
    .command("exec")
    .description("give out a task; prints its id")
    .argument("[prompt]", "what is to be done; - or nothing: from standard input")
    .requiredOption("--env <name>", "environment to work in")
    .option("--branch <ref>", "branch, tag or commit to start from (default: the environment's)")
    .option("--model <name>", 'model that does the work, of "farhand models"; "script" runs the sh blocks of the prompt')
    .option("--effort <level>", "how much it thinks: auto (as its provider sees fit), none, minimal, low, medium, high, xhigh or max")
    .option("--title <text>", "title (default: from the prompt, then from the change)")
    .option("--mode <mode>", "code (changes files) or ask (answers; nothing that it changes is kept)", "code")
    .option("--max-cost <usd>", "stop, and keep the work, once its requests have cost so many US dollars")
    .option("--max-steps <n>", "the same for model requests")
    .option("--max-tokens <n>", "the same for tokens")
    .option("--max-minutes <n>", "the same for the time that the agent works")
    .option("--attempts <n>", "so many independent attempts side by side, 1 to 4")
    .option("--image <file>", "a picture for the model: PNG, JPEG, GIF or WebP (may be repeated, 4 at most)", collected)
    .option("--wait", "show the work until it ends; exit 0 = ready or published")
    .action((prompt: string | undefined, options, command) =>
      run(command, async (invocation) =>
        (await import("./commands/exec.ts")).exec(invocation, { ...options, ...(prompt === undefined ? {} : { prompt }) }),
      ),
    );
  farhand
    .command("list")
    .description("the tasks")
    .option("--env <name>", "only of this environment")
    .option("--limit <n>", "how many", "20")
    .option("--cursor <cursor>", "the next page, as the last one named it")
    .option("--archived", "the archived ones instead")
    .action((options, command) => run(command, async (invocation) => (await import("./commands/list.ts")).list(invocation, options)));
  taskCommand(farhand, "status", "how a task stands; exit 0 = ready or published").action((task, _, command) =>
    run(command, async (invocation) => (await import("./commands/status.ts")).status(invocation, { task })),
  );
  taskCommand(farhand, "watch", "show a task's work until it ends; exit 0 = ready or published").action((task, _, command) =>
    run(command, async (invocation) => (await import("./commands/watch.ts")).watch(invocation, { task })),
  );
  taskCommand(farhand, "reply", "say something: to the agent while it works, else as the next turn")
    .argument("[text]", "what to say; - or nothing: from standard input")
    .option("--attempt <n>", "to this attempt; for the next turn: go on from it")
    .option("--attempts <n>", "so many attempts of the next turn side by side, 1 to 4")
    .option("--from-step <n>", "go back: the next turn begins as all was after this step")
    .option("--model <name>", "model of the next turn (default: as before)")
    .option("--effort <level>", "how much it thinks; auto: as its provider sees fit (default: as before, auto for another model)")
    .option("--mode <mode>", "code, or ask for an answer that leaves the change as it is (default: as before)")
    .option("--max-cost <usd>", "limits of the next turn, as those of exec; usual: none of its own (default: as before)")
    .option("--max-steps <n>")
    .option("--max-tokens <n>")
    .option("--max-minutes <n>")
    .option("--image <file>", "a picture for the next turn (may be repeated)", collected)
    .option("--wait", "show the work until it ends; exit 0 = ready or published")
    .action((task: string, text: string | undefined, options, command) =>
      run(command, async (invocation) =>
        (await import("./commands/reply.ts")).reply(invocation, { ...options, task, ...(text === undefined ? {} : { text }) }),
      ),
    );
  taskCommand(farhand, "retry", "ask again what failed or was cancelled, from where it began")
    .option("--wait", "show the work until it ends; exit 0 = ready or published")
    .action((task, options, command) =>
      run(command, async (invocation) => (await import("./commands/retry.ts")).retry(invocation, { ...options, task })),
    );
  taskCommand(farhand, "diff", "the change of a task")
    .option("--attempt <n>", "of this attempt (default: the chosen one, or the only one)")
    .action((task, options, command) =>
      run(command, async (invocation) => (await import("./commands/diff.ts")).diff(invocation, { ...options, task })),
    );
  taskCommand(farhand, "apply", "put a task's change into the repository here, staged")
    .option("--attempt <n>", "of this attempt (default: the chosen one, or the only one)")
    .option("--check", "change nothing; say what would happen")
    .action((task, options, command) =>
      run(command, async (invocation) => (await import("./commands/apply.ts")).apply(invocation, { ...options, task })),
    );
  taskCommand(farhand, "log", "a task's transcript as Markdown (--json: JSON Lines), without what looks like a secret").action(
    (task, _, command) => run(command, async (invocation) => (await import("./commands/log.ts")).log(invocation, { task })),
  );
  farhand
    .command("usage")
    .description("what models used and cost: your own, for administrators everybody's")
    .option("--by <what>", "day, user, model, task, turn, attempt or request", "day")
    .option("--from <day>", "first day, UTC (default: 30 days ago; with --task its first)")
    .option("--to <day>", "last day, UTC (default: today)")
    .option("--task <task>", "of this task only")
    .option("--csv", "as CSV")
    .action((options, command) => run(command, async (invocation) => (await import("./commands/usage.ts")).usage(invocation, options)));
  taskCommand(farhand, "pr", "publish a task's change as a branch, with a pull request where there are any")
    .option("--attempt <n>", "of this attempt, which is chosen by that (default: the chosen one, or the only one)")
    .option("--wait", "wait for the end (default)", true)
    .option("--no-wait", "do not wait for the end")
    .action((task, options, command) =>
      run(command, async (invocation) => (await import("./commands/pr.ts")).pr(invocation, { ...options, task })),
    );
  for (const [change, words] of [
    ["stop", "end the work of tasks and keep what was done"],
    ["cancel", "end tasks that wait or run, and throw away what was done"],
    ["archive", "put tasks out of the list"],
    ["unarchive", "bring tasks back into the list"],
  ] as const) {
    farhand
      .command(change)
      .description(words)
      .argument("<tasks...>", "ids, their beginnings, or addresses")
      .action((tasks: string[], _, command) =>
        run(command, async (invocation) => (await import("./commands/change-task.ts")).changeTasks(invocation, change, { tasks })),
      );
  }
}

function taskCommand(farhand: Command, name: string, description: string): Command {
  return farhand.command(name).description(description).argument("<task>", "id, its beginning, or address");
}

function addEnvironmentCommands(farhand: Command): void {
  const load = () => import("./commands/env.ts");
  const env = farhand.command("env").description("environments: repositories to work in").exitOverride();
  recipe(
    env
      .command("create")
      .description("make one")
      .argument("<name>")
      .requiredOption("--repo <url|path>", "repository: https address, or path on the server"),
  )
    .option("--branch <name>", "where tasks start (default: the repository's default branch)")
    .action((name, options, command) => run(command, async (invocation) => (await load()).createEnvironment(invocation, name, options)));
  env
    .command("list")
    .description("all of them")
    .option("--limit <n>", "how many", "100")
    .option("--cursor <cursor>", "the next page, as the last one named it")
    .action((options, command) => run(command, async (invocation) => (await load()).listEnvironments(invocation, options)));
  env
    .command("show")
    .description("one of them")
    .argument("<name>", "name or id")
    .action((name, _, command) => run(command, async (invocation) => (await load()).showEnvironment(invocation, name)));
  env
    .command("reset")
    .description("forget what setup left: the next task runs it anew")
    .argument("<name>", "name or id")
    .action((name, _, command) => run(command, async (invocation) => (await load()).resetEnvironment(invocation, name)));
  env
    .command("test-setup")
    .description("run its setup anew and show it; exit 0 = it worked")
    .argument("<name>", "name or id")
    .action((name, _, command) => run(command, async (invocation) => (await load()).testSetup(invocation, name)));
  recipe(env.command("edit").description("change what is named; a turn keeps the version it began with").argument("<name>", "name or id"))
    .option("--repo <url|path>", "another repository")
    .option("--branch <name>", "where tasks start")
    .option("--no-branch", "start at the repository's default branch")
    .option("--no-token", "forget the access token")
    .option("--no-setup", "have no setup script")
    .option("--no-maintenance", "have no maintenance script")
    .option("--no-check", "have no checks")
    .option("--drop-toolchain <name>", "forget a wanted version (may be repeated)", repeated)
    .option("--drop-var <name>", "forget a variable (may be repeated)", collected)
    .option("--drop-secret <name>", "forget a setup secret (may be repeated)", collected)
    .action((name, options, command) =>
      run(command, async (invocation) => (await load()).editEnvironment(invocation, name, given(options, command))),
    );
}

function collected(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Without the values that commander sets for a --no-X that was not given. */
function given<T extends object>(options: T, command: Command): T {
  return Object.fromEntries(Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === "cli")) as T;
}

const repeated = (value: string, before: string[] = []) => [...before, value];

function recipe(command: Command): Command {
  return command
    .option("--publish <when>", "click (when somebody asks) or always (when an attempt succeeds)")
    .option("--transcript <how>", "none, or link (each commit's message names the address of its task)")
    .option("--network <what>", "none, allow (what --allow and --preset name) or all (every public host)")
    .option("--allow <domain>", "allow a domain with its subdomains; may be repeated", repeated)
    .option("--preset <name>", "allow a list of domains: package-managers or common; may be repeated", repeated)
    .option("--allow-port <n>", "instead of 80 and 443; may be repeated", repeated)
    .option("--setup-network <what>", "the same for setup; default for a new one: --setup-preset package-managers")
    .option("--setup-allow <domain>", "allow setup a domain; may be repeated", repeated)
    .option("--setup-preset <name>", "allow setup a list of domains; may be repeated", repeated)
    .option("--setup-allow-port <n>", "for setup, instead of 80 and 443; may be repeated", repeated)
    .option("--memory-mb <n>", "memory of a sandbox")
    .option("--cpus <n>", "processors of a sandbox")
    .option("--processes <n>", "processes in a sandbox")
    .option("--disk-mb <n>", "what a sandbox may write")
    .option("--setup <file|->", "script that prepares the sandbox once; later tasks start on what it left")
    .option("--auto-setup", "where there is none: go by the repository's recipe, or find one by its files (default for a new one)")
    .option("--no-auto-setup", "go by nothing of the repository")
    .option("--toolchain <name=version>", "version that setup must find, such as node=22 (may be repeated)", repeated)
    .option("--maintenance <file|->", "script for when that is used at another commit")
    .option("--setup-minutes <n>", "how long either may take")
    .option("--var <name=value>", "environment variable of setup and agent (may be repeated)", collected)
    .option("--secret <name>", "variable of setup only; its value is read from standard input")
    .option("--check <command>", "must succeed before a change counts as finished (may be repeated)", repeated)
    .option("--turn-minutes <n>", "how long the agent may work")
    .option("--require-limits", "make no sandbox where a limit cannot be held")
    .option("--no-require-limits", "hold limits where the machine can")
    .option("--token-stdin", "read the repository's access token from standard input");
}

function addModelCommands(farhand: Command): void {
  const load = () => import("./commands/models.ts");
  const models = farhand
    .command("models")
    .description("the models that a task may have, with what a million tokens cost")
    .exitOverride()
    .action((_, command) => run(command, async (invocation) => (await load()).listModels(invocation)));
  models
    .command("try")
    .description("send a small request to one, and show what it says (administrators); exit 0 = it answered")
    .argument("<model>", "as anthropic/claude-opus-5-5")
    .action((model, _, command) => run(command, async (invocation) => (await load()).tryModel(invocation, model)));
  models
    .command("default")
    .description("the model of tasks for which nobody chooses one (administrators)")
    .argument("[model]", "none: the first that can be asked")
    .action((model, _, command) => run(command, async (invocation) => (await load()).chooseDefault(invocation, model)));
  models
    .command("set")
    .description("how a provider is reached (administrators)")
    .argument("<provider>", "openai, anthropic or compatible")
    .option("--key-stdin", "read its key from standard input")
    .option("--no-key", "forget the key")
    .option("--base-url <url>", "where it is asked; forgets the key of the address before")
    .option("--no-base-url", "where it is usually asked")
    .option("--model <name>", "only these may be chosen; may be repeated", repeated)
    .option("--no-model", "all that are known of it may be chosen")
    .action((provider, options, command) =>
      run(command, async (invocation) => (await load()).setProvider(invocation, provider, given(options, command))),
    );
}

function addPeopleCommands(farhand: Command): void {
  farhand
    .command("login")
    .description("keep a token for a service; it is asked for, or read from standard input")
    .argument("[url]", "address of the service")
    .action((url: string | undefined, _, command) =>
      run(command, async (invocation) => (await import("./commands/login.ts")).login(invocation, url === undefined ? {} : { url })),
    );
  farhand
    .command("login-link")
    .description("a link that logs you in on the page, once")
    .action((_, command) => run(command, async (invocation) => (await import("./commands/login-link.ts")).loginLink(invocation)));
  const users = () => import("./commands/user.ts");
  const user = farhand.command("user").description("who may use the service (administrators)").exitOverride();
  user
    .command("add")
    .description("add a person")
    .argument("<name>")
    .requiredOption("--email <address>", "author of their commits")
    .option("--role <role>", "member or administrator", "member")
    .action((name, options, command) => run(command, async (invocation) => (await users()).addUser(invocation, name, options)));
  user
    .command("list")
    .description("all of them")
    .action((_, command) => run(command, async (invocation) => (await users()).listUsers(invocation)));
  const tokens = () => import("./commands/token.ts");
  const token = farhand.command("token").description("access tokens").exitOverride();
  token
    .command("create")
    .description("make one; it is shown once")
    .argument("<name>", "what it is for")
    .option("--scope <what>", "what it may: read (only look), tasks (look, give and control tasks) or all", "all")
    .option("--user <id>", "for somebody else (administrators)")
    .action((name, options, command) => run(command, async (invocation) => (await tokens()).createToken(invocation, name, options)));
  token
    .command("list")
    .description("yours")
    .action((_, command) => run(command, async (invocation) => (await tokens()).listTokens(invocation)));
  token
    .command("revoke")
    .description("end one")
    .argument("<id>")
    .action((id, _, command) => run(command, async (invocation) => (await tokens()).revokeToken(invocation, id)));
}

process.on("SIGINT", () => {
  if (interrupt.signal.aborted) return; // a terminal and the program that started us may both send it
  interrupt.abort(new Error("interrupted"));
  if (!parting) process.exit(130);
  setTimeout(() => process.exit(130), PARTING_MS).unref();
});
process.stderr.on("error", () => {}); // then there is nobody to tell
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0); // the reader, such as head, has enough
  process.stderr.write(`farhand: standard output cannot be written: ${error.message}\n`);
  process.exit(1);
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`farhand: unexpected error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
// Node's own way out takes the handlers away first: one more Ctrl-C would then end it by the signal.
if (interrupt.signal.aborted) process.exit();
