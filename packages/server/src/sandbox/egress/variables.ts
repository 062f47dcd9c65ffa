/** Where the relay listens inside of a sandbox; agent.cjs has the same figure. */
export const RELAY = "http://127.0.0.1:3128";
const DIRECT = "localhost,127.0.0.1,::1";

/** By these common tools find the way out: curl, git, apt, npm, pip, cargo and go; Node 24 for its own fetch. */
export const PROXY_VARIABLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, RELAY]),
  ),
  NO_PROXY: DIRECT,
  no_proxy: DIRECT,
  NODE_USE_ENV_PROXY: "1",
};
