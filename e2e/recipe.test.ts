import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { EventBody, TaskEvent } from "@farhand/protocol";
import { makeRepository, script } from "./repository.ts";
import { idIn, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

const farhand = (args: readonly string[], stdin = "") => service.said(args, stdin);

/** Another than in setup.test.ts, which looks for its own in all processes of this machine. */
const SECRET = `s3cret-${"h3k8".repeat(8)}`;

/** Runs a task to its end, well or not. */
async function task(env: string, work: string, ...more: string[]): Promise<{ shown: string; events: TaskEvent[] }> {
  const ran = await service.farhand(["exec", "--env", env, ...more, "--wait", "-"], script(work));
  return { shown: ran.stdout, events: await service.client.eventPage(idIn(ran.stdout + ran.stderr), { limit: 500 }) };
}

const bodies = <T extends EventBody["type"]>(events: readonly TaskEvent[], type: T) =>
  events.map((event) => event.body).filter((body): body is Extract<EventBody, { type: T }> => body.type === type);

const printed = (events: readonly TaskEvent[]) =>
  bodies(events, "tool.output")
    .map((body) => body.text)
    .join("");

test("automatic setup installs what the repository's files name, and again when they change", { timeout: 300_000 }, async () => {
  const manifest = (script: string) =>
    JSON.stringify({ name: "shop", version: "1.0.0", scripts: { x: script }, dependencies: { left: "file:./left" } });
  await using shop = await makeRepository({
    "package.json": manifest("true"),
    "left/package.json": JSON.stringify({ name: "left", version: "1.0.0" }),
    "left/index.js": "module.exports = 'installed';\n",
  });
  await farhand(["env", "create", "auto", "--repo", shop.path]);
  const look = "node -p 'require(\"left\")'; git status --porcelain";
  const first = await task("auto", look);
  assert.match(first.shown, /● setup found by package\.json\n/);
  assert.match(bodies(first.events, "setup.started")[0]?.text ?? "", /npm install/);
  assert.equal(printed(first.events), "installed\n");
  assert.match((await task("auto", look)).shown, /● setup · .* · cached\n/);
  assert.match(await farhand(["env", "show", "auto"]), /setup +automatic\n[\s\S]*last used +.*setup found by package\.json/);

  await writeFile(join(shop.path, "package.json"), manifest("false"));
  await shop.git("commit", "--all", "--quiet", "--message=Change");
  const changed = await task("auto", look);
  assert.match(changed.shown, /setup run: the files that setup was found by were changed/);

  await farhand(["env", "edit", "auto", "--no-auto-setup"]);
  const without = await task("auto", "ls");
  assert.equal(bodies(without.events, "setup.started").length, 0);
  assert.doesNotMatch(printed(without.events), /node_modules/);
});

const RECIPE = `
setup: echo "$A $B" > ~/made
variables: {A: file, B: file}
checks: ["true"]
network: {kind: allow, domains: [example.org]}
`;

test("the repository's recipe counts as its own branch has it, whichever branch a task is at", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", ".farhand/environment.yaml": RECIPE });
  await shop.git("checkout", "--quiet", "-b", "stranger");
  await writeFile(join(shop.path, ".farhand/environment.yaml"), "setup: echo evil > ~/made\nnetwork: all\n");
  await shop.git("commit", "--all", "--quiet", "--message=Evil");
  await shop.git("checkout", "--quiet", "main");
  await farhand(["env", "create", "own", "--repo", shop.path, "--var", "A=mine"]);
  for (const more of [[], ["--branch", "stranger"]]) {
    const { events, shown } = await task("own", "cat ~/made; env | grep -ci proxy || true", ...more);
    assert.match(shown, /● setup of \.farhand\/environment\.yaml\n/);
    assert.match(
      shown,
      /! \.farhand\/environment\.yaml: network is narrower than it asks for; the environment does not allow example\.org\n/,
    );
    assert.equal(printed(events), "mine file\n0\n");
    const [resolved] = bodies(events, "recipe.resolved");
    assert.deepEqual([resolved?.recipe.scripts, resolved?.recipe.checks], ["repository", ["true"]]);
  }
  assert.equal((await service.client.environment("own")).recipe?.setup, 'echo "$A $B" > ~/made');

  await farhand(["env", "edit", "own", "--setup", "-"], "echo ours > ~/made");
  assert.equal(printed((await task("own", "cat ~/made")).events), "ours\n", "what the environment itself says wins");

  await writeFile(join(shop.path, ".farhand/environment.yaml"), "setup: ok\n\nsecrets: {T: x}\n");
  await shop.git("commit", "--all", "--quiet", "--message=Wrong");
  assert.match(
    (await task("own", "true")).shown,
    /✖ \.farhand\/environment\.yaml is wrong: line 3: secrets is no field: there are setup, [^\n]*\n/,
  );
});

test("devcontainer.json counts where there is no recipe, and what of it does not is said", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({
    ".devcontainer/devcontainer.json":
      '{\n  // ours\n  "image": "debian", "postCreateCommand": "pwd > ~/made", "containerEnv": {"COLOUR": "red"},\n}',
  });
  await farhand(["env", "create", "dev", "--repo", shop.path]);
  const { events, shown } = await task("dev", "cat ~/made; echo $COLOUR; pwd");
  assert.match(shown, /● setup of \.devcontainer\/devcontainer\.json\n/);
  assert.match(shown, /! \.devcontainer\/devcontainer\.json: these fields are not honoured: image\n/);
  const [made, colour, here] = printed(events).split("\n");
  assert.deepEqual([made, colour], [here, "red"]);
});

test("what setup writes to FARHAND_ENV the agent has, also from what is kept; a secret may not go that way", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  const setup =
    'mkdir ~/bin; printf "#!/bin/sh\\necho mine\\n" > ~/bin/git; chmod +x ~/bin/git; echo "PATH=$HOME/bin:$PATH" >> "$FARHAND_ENV"';
  await farhand(["env", "create", "left", "--repo", shop.path, "--setup", "-", "--var", "PATH=/nowhere"], `PATH=/usr/bin:/bin\n${setup}`);
  for (const note of [/setup run/, /cached/]) {
    const { events, shown } = await task("left", "git; echo x > x");
    assert.match(shown, note);
    assert.equal(printed(events), "mine\n");
    assert.match(shown, /collect · .* · 1 file/, "our own git is not led astray");
  }
  await writeFile(join(shop.path, "new"), "");
  await shop.git("add", "new");
  await shop.git("commit", "--quiet", "--message=New");
  assert.equal(printed((await task("left", "git")).events), "mine\n", "nor is it lost when the branch moves");

  await farhand(["env", "edit", "left", "--secret", "TOKEN"], SECRET);
  await farhand(["env", "edit", "left", "--setup", "-"], 'PATH=/usr/bin:/bin\necho "T=$TOKEN" >> "$FARHAND_ENV"');
  const refused = await task("left", "true");
  assert.match(refused.shown, /✖ setup failed: FARHAND_ENV line 1 would give the setup secret TOKEN to the agent\n/);
  assert.doesNotMatch(JSON.stringify(refused.events), /h3k8h3k8/);
});

test("toolchains are found, come from a version manager, or end the attempt with what is there and what is wanted", {
  timeout: 300_000,
}, async () => {
  const manager = `#!/bin/sh
case "$1" in
  install) mkdir -p ~/given/bin && printf '#!/bin/sh\\necho v99.1.2\\n' > ~/given/bin/node && chmod +x ~/given/bin/node && echo "installing $2" ;;
  where) echo ~/given ;;
esac
`;
  await using shop = await makeRepository({ "README.md": "", "bin/mise": manager });
  await shop.git("update-index", "--chmod=+x", "bin/mise");
  await shop.git("commit", "--quiet", "--message=Executable");
  await farhand(["env", "create", "tools", "--repo", shop.path, "--toolchain", "node=99"]);
  const failed = await task("tools", "true");
  assert.match(
    failed.shown,
    / {2}node 99 is wanted, and [\d.]+ is there; none of mise nvm could give it\.[\s\S]*✖ toolchains failed: exit 1\n/,
  );

  const folder = `/workspace/${shop.path.split("/").at(-1)}`;
  await farhand(["env", "edit", "tools", "--var", `PATH=${folder}/bin:/usr/local/bin:/usr/bin:/bin`]);
  const given = await task("tools", "node --version; cat ~/given/bin/node | tail -1");
  assert.match(given.shown, /node 99\.1\.2 comes from mise \(99 is wanted\)/);
  assert.equal(printed(given.events), "v99.1.2\necho v99.1.2\n");

  const there = /(\d+)\.\d+/.exec(/and ([\d.]+) is there/.exec(failed.shown)?.[1] ?? "")?.[1] ?? assert.fail(failed.shown);
  await farhand(["env", "edit", "tools", "--toolchain", `node=${there}`]);
  assert.match((await task("tools", "true")).shown, new RegExp(`node ${there}\\.[\\d.]+ is there \\(${there} is wanted\\)`));
});

test("a test of the setup runs it anew, live and in no list; its failure is its exit, and what it leaves is kept", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "tested", "--repo", shop.path, "--setup", "-"], "echo $RANDOM | tee ~/made\necho got $TOKEN\n");
  await farhand(["env", "edit", "tested", "--secret", "TOKEN"], SECRET);
  assert.equal((await task("tested", "true")).shown.match(/● setup · .* · setup run/)?.length, 1);
  const before = (await service.client.tasks({})).tasks.length;
  const shown = await farhand(["env", "test-setup", "tested"]);
  assert.match(shown, /setup\n\s+(\d+)\n\s+got \*\*\*\n[\s\S]*● setup · .* · setup run: it was tested\n[\s\S]*setup works\n$/);
  assert.equal((await service.client.tasks({})).tasks.length, before);
  const id = idIn(shown);
  assert.doesNotMatch(JSON.stringify(await service.client.eventPage(id, { limit: 500 })), /h3k8h3k8/);
  const made = /setup\n\s+(\d+)\n/.exec(shown)?.[1];
  const next = await task("tested", "cat ~/made");
  assert.equal(printed(next.events), `${made}\n`);
  assert.match(next.shown, /● setup · .* · cached\n/);
  for (const args of [
    ["reply", id, "More"],
    ["pr", id],
  ] as const)
    assert.notEqual((await service.farhand([...args])).code, 0, args[0]);

  await farhand(["env", "edit", "tested", "--setup", "-"], "echo broken >&2; exit 4");
  const failed = await service.farhand(["env", "test-setup", "tested"]);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, / {2}broken\n[\s\S]*✖ setup failed: exit 4\n/);
  assert.equal((await service.farhand(["status", id])).code, 1, "the test before is forgotten");
  await farhand(["env", "edit", "tested", "--no-setup"]);
  assert.match((await service.farhand(["env", "test-setup", "tested"])).stdout, /✖ setup failed: there is none\n/);
});
