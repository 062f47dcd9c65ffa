const MAX_CHARACTERS = 2000;

/**
 * Last words of a foreign program as one short plain text: control characters and escape sequences removed, of overwritten progress lines
 * only the last state, user names and passwords in URLs and the given secrets taken out, the end kept if it is long.
 */
export function plainText(text: string, redact: readonly string[] = []): string {
  let clean = text;
  for (const secret of redact) if (secret) clean = clean.replaceAll(secret, "[secret]");
  clean = clean
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]/g, "")
    .replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\)?/g, "")
    .replace(/[a-z][a-z0-9+.-]*:\/\/[^\s/@]*@/gi, (url) => url.replace(/\/\/.*@/, "//"))
    .split("\n")
    .map((line) => line.replace(/\s+$/, "").split("\r").at(-1) ?? "")
    .map((line) => line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, ""))
    .filter((line) => line.trim() !== "" && !line.startsWith("hint: "))
    .join("\n");
  return clean.length <= MAX_CHARACTERS ? clean : `… ${clean.slice(-MAX_CHARACTERS)}`;
}
