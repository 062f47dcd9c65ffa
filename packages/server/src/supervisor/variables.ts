export type Variables = Record<string, string | undefined>;

/** What the API process gets of our environment: it faces the network, so it is given nothing that could be a key of ours. */
const API = /^(FARHAND_(?!COMPATIBLE_)|DATABASE_URL$|PATH$|HOME$|LANG$|LC_|TZ$|NODE_|SSL_CERT_)/;

/** The environment of a child process of this role. */
export function variablesOf(role: "api" | "worker", all: Variables): Variables {
  return role === "worker" ? all : Object.fromEntries(Object.entries(all).filter(([name]) => API.test(name)));
}
