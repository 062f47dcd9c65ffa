/** A file of the diff, and the line that was named with it. */
export type NamedFile = { path: string; line: number | null };

const MOST_CHARACTERS = 400;

/** Finds the file that words such as `src/cart.ts:18-27`, `./src/cart.ts` or `cart.ts` name; null = none of these, or not clear which. */
export function fileNamer(paths: readonly string[]): (words: string) => NamedFile | null {
  const byName = new Map<string, string[]>();
  for (const path of paths) byName.set(nameOf(path), [...(byName.get(nameOf(path)) ?? []), path]);
  return (words) => {
    if (words.length > MOST_CHARACTERS) return null;
    const [, named = "", line] = /^(?:\.\/)?(.+?)(?::(\d{1,7})(?:[-:]\d{1,7})?)?$/.exec(words) ?? [];
    const alike = byName.get(nameOf(named)) ?? [];
    const meant = alike.includes(named) ? [named] : alike.filter((path) => named.endsWith(`/${path}`) || path.endsWith(`/${named}`));
    const [path] = meant;
    return path !== undefined && meant.length === 1 ? { path, line: line === undefined ? null : Number(line) } : null;
  };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
