const MASK = "[secret]";

// Each takes time in proportion to the text, whatever it is: it was written by anybody.

/** What looks like a secret wherever it stands. Values of the environments' secrets are masked where output comes in; this is for what an agent found or was told. */
const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_[A-Za-z0-9_]{20,}\b/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\bsk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{20,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bAIza[A-Za-z0-9_-]{35}/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bfh_[A-Za-z0-9_-]{20,}/g,
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g,
];
/** Here only the value goes. */
const NAMED: readonly RegExp[] = [
  /(\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)[^\s"',]{8,}/gi,
  /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}:)[^\s/@]{1,1000}(?=@)/gi,
  /(\b[A-Za-z0-9_]*(?:PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY|AUTH_?TOKEN|ACCESS_?TOKEN|PRIVATE_?KEY)["']?\s*[:=]\s*["']?)[^\s"',;]{8,}/gi,
];

/** The text without what looks like a secret. Not a proof: who publishes a transcript looks at it first. */
export function redacted(text: string): string {
  const without = SECRETS.reduce((all, secret) => all.replace(secret, MASK), text);
  return NAMED.reduce((all, named) => all.replace(named, `$1${MASK}`), without);
}

/** The same for every text within a value of JSON; names stay. */
export function redactedValue<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, one) => (typeof one === "string" ? redacted(one) : one)) as T;
}
