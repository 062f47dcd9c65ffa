import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Secret } from "../../domain/secret.ts";
import { bareCopy, git, makeRepository, testFolder } from "../../testing/git-repository.ts";
import { type GitServerOptions, startGitServer } from "../../testing/git-server.ts";
import { commitPatch } from "./commit.ts";
import { GitError, runGit } from "./host-git.ts";
import { fetchMirror } from "./mirror.ts";
import { plainText } from "./plain-text.ts";
import { probe } from "./probe.ts";
import { pushBranch } from "./push.ts";
import { listRemote } from "./remote-refs.ts";
import { parseRepository } from "./repository.ts";
import { resolveRef } from "./resolve-ref.ts";
import { type Access, transportTo } from "./transport.ts";

const never = new AbortController().signal;
const TOKEN = "tok-'\"$(touch canary)`-\\%s";

async function host(options: Partial<GitServerOptions> = {}) {
  const folder = await testFolder();
  const work = join(folder.path, "work");
  const base = makeRepository(work);
  bareCopy(work, join(folder.path, "root/shop.git"));
  const server = await startGitServer({ root: join(folder.path, "root"), ...options });
  const access = (token: string | null, changes: Partial<Access> = {}): Access => ({
    repository: parseRepository(`${server.url}/shop.git`),
    token: token === null ? null : new Secret(token),
    administrator: true,
    ...changes,
  });
  const home = join(folder.path, "home");
  return {
    folder: folder.path,
    bare: join(folder.path, "root/shop.git"),
    home,
    base,
    server,
    access,
    fetch: (with_: Access) => fetchMirror({ home, repositoryId: "repo_1", access: with_ }, never),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const author = { name: "Ada", email: "ada@example.org" };

test("a private repository is fetched and pushed to with its token, which is written nowhere", async () => {
  await using at = await host({ token: TOKEN });
  const access = at.access(TOKEN);
  assert.deepEqual(await probe(access, null, never), { defaultBranch: "main" });
  const mirror = await at.fetch(access);
  assert.equal((await resolveRef(mirror, access, at.base, never)).commit, at.base);
  const draft = { base: at.base, patch: new Uint8Array(), message: "Change", author, date: new Date(1e12) };
  await using commit = await commitPatch(mirror, draft, never);
  await pushBranch(mirror, access, { branch: "farhand/x", commit, expected: null }, never);
  assert.equal(git(at.bare, ["rev-parse", "farhand/x"]), commit.commit);
  for (const name of readdirSync(at.home, { recursive: true, withFileTypes: true })) {
    if (name.isFile()) assert.ok(!readFileSync(join(name.parentPath, name.name)).includes("tok-"), name.name);
  }
  const expected = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`;
  assert.deepEqual([...new Set(at.server.requests.map((one) => one.authorization))].sort(), [expected, null].sort());
});

test("a wrong, missing or weak token is said in words, without the token", async () => {
  await using at = await host({ token: TOKEN, readOnly: true });
  const wrong = at.access("wrong-token");
  for (const attempt of [() => probe(wrong, null, never), () => at.fetch(wrong)]) {
    await assert.rejects(attempt(), (error: Error & { code?: string; cause?: Error }) => {
      assert.equal(error.code, "forbidden");
      assert.match(error.message, /refused the access token/);
      assert.ok(!`${error.message} ${error.stack} ${error.cause?.stack}`.includes("wrong-token"));
      return true;
    });
  }
  await assert.rejects(at.fetch(at.access(null)), { code: "forbidden", message: /asks for an access token/ });
  const access = at.access(TOKEN);
  const mirror = await at.fetch(access);
  const draft = { base: at.base, patch: new Uint8Array(), message: "Change", author, date: new Date(1e12) };
  await using commit = await commitPatch(mirror, draft, never);
  const push = pushBranch(mirror, access, { branch: "farhand/x", commit, expected: null }, never);
  await assert.rejects(push, { code: "forbidden", message: /lacks the right/ });
});

test("a token is not in the arguments of any process", async () => {
  const seen: string[] = [];
  await using at = await host({
    token: TOKEN,
    before: () => {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          seen.push(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
        } catch {
          // it has ended
        }
      }
      return false;
    },
  });
  await at.fetch(at.access(TOKEN));
  assert.ok(
    seen.some((line) => line.includes("ls-remote") && line.includes(at.server.url)),
    "git was seen at work",
  );
  assert.ok(!seen.some((line) => line.includes("tok-")));
});

test("a repository that is not there, is empty, or is no repository", async () => {
  await using at = await host();
  git("/", ["init", "--quiet", "--bare", join(at.folder, "root/empty.git")]);
  const to = (path: string) => at.access(null, { repository: parseRepository(`${at.server.url}/${path}`) });
  await assert.rejects(probe(to("none.git"), null, never), {
    code: "not-found",
    message: /was not found: check the URL; if it is private/,
  });
  await assert.rejects(probe(to("empty.git"), null, never), { code: "invalid", message: /is empty/ });
  await assert.rejects(probe(to("shop.git"), "nope", never), { code: "not-found", message: /The branches are: main/ });
});

test("a redirect is not followed, neither to the inside nor with the token", async () => {
  await using inside = await host();
  await using at = await host({
    before: (request, response) => {
      response.writeHead(302, { location: `${inside.server.url}${request.url}` }).end();
      return true;
    },
  });
  await assert.rejects(at.fetch(at.access("secret")), { code: "invalid", message: /redirect/ });
  assert.equal(inside.server.requests.length, 0);
  await inside.fetch(inside.access(null));
});

test("a host that breaks off or talks nonsense is an error in words", async () => {
  for (const [name, before] of Object.entries<NonNullable<GitServerOptions["before"]>>({
    "breaks off": (request) => {
      request.socket.destroy();
      return true;
    },
    "an error page": (_request, response) => {
      response.writeHead(503).end("busy");
      return true;
    },
    "a web page": (_request, response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>\u001b]0;evil\u0007</html>");
      return true;
    },
  })) {
    await using at = await host({ before });
    await assert.rejects(probe(at.access(null), null, never), { name: "UserError" }, name);
  }
  await using closed = await host();
  await closed.server[Symbol.asyncDispose]();
  await assert.rejects(probe(closed.access(null), null, never), { code: "unavailable", message: /cannot be reached/ });
});

test("members reach neither http nor the server's own network, whatever name it has; administrators do", async () => {
  await using at = await host();
  await assert.rejects(at.fetch(at.access(null, { administrator: false })), { code: "forbidden", message: /Only administrators/ });
  const { port } = new URL(at.server.url);
  for (const name of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "[::1]", "0.0.0.0"]) {
    const repository = parseRepository(`https://${name}:${port}/shop.git`);
    const member = probe({ repository, token: null, administrator: false }, null, never);
    await assert.rejects(member, { code: "forbidden", message: /no public address/ }, name);
  }
  assert.equal(at.server.requests.length, 0);
  assert.deepEqual(await probe(at.access(null), null, never), { defaultBranch: "main" });
});

test("git goes to the address it is pinned to, not to what the name means", async () => {
  await using at = await host();
  const { port } = new URL(at.server.url);
  const args = ["ls-remote", "--", `http://pinned.invalid:${port}/shop.git`];
  const pinned = (config: string[]) => runGit({ gitDir: null, args, config, protocols: ["http"] }, never);
  assert.match((await pinned([`http.curloptResolve=pinned.invalid:${port}:127.0.0.1`])).toString(), /refs\/heads\/main/);
  await assert.rejects(pinned([]), GitError);

  const repository = parseRepository("https://93.184.216.34/shop.git");
  const member = await transportTo({ repository, token: null, administrator: false }, never);
  assert.deepEqual(member.call.config, [], "an address needs no pinning");
});

test("no other protocol is spoken, also when the URL asks for it", async () => {
  await using at = await host();
  for (const url of ["ext::sh -c touch% canary", "file:///srv", at.bare, "ssh://localhost/x", "git://localhost/x"]) {
    for (const protocols of [{ protocols: ["https"] }, {}]) {
      await assert.rejects(runGit({ gitDir: null, args: ["ls-remote", "--", url], ...protocols }, never), /not allowed/, url);
    }
  }
});

test("an aborted look ends at once, while the host keeps silent", async () => {
  const abort = new AbortController();
  await using at = await host({
    before: () => {
      abort.abort(new Error("enough"));
      return true;
    },
  });
  await assert.rejects(listRemote(at.access(null), abort.signal), /enough/);
});

test("last words of git are plain text without credentials", () => {
  const text =
    "Receiving: 10%\rReceiving: 100%\r\nfatal: \u001b[31munable\u001b[0m to access 'https://ada:pw@example.org/x'\u0007\nhint: no\nsecret=abc\u202e";
  assert.equal(plainText(text, ["abc"]), "Receiving: 100%\nfatal: unable to access 'https://example.org/x'\nsecret=[secret]");
  assert.ok(plainText("x".repeat(10_000)).length < 2100);
});
