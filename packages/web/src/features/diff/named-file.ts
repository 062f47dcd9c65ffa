/** A file of the diff, and the line that was named with it. */
export type NamedFile = { path: string; line: number | null };

const MOST_CHARACTERS = 400;
/** Of a name that more files have, only the whole path is known: what is written may be long, and each of its words is looked up. */
const MOST_ALIKE = 20;

/** Finds the file that words such as `src/cart.ts:18-27`, `./src/cart.ts` or `cart.ts` name; null = none of these, or not clear which. */
export function fileNamer(paths: readonly string[]): (words: string) => NamedFile | null {
  const known = new Set(paths);
  const byName = new Map<string, string[]>();
  for (const path of paths) {
    const alike = byName.get(nameOf(path));
    if (alike) alike.push(path);
    else byName.set(nameOf(path), [path]);
  }
  return (words) => {
    if (words.length > MOST_CHARACTERS) return null;
    const [, named = "", line] = /^(?:\.\/)?(.+?)(?::(\d{1,7})(?:[-:]\d{1,7})?)?$/.exec(words) ?? [];
    const path = known.has(named) ? named : onlyOne(named, byName.get(nameOf(named)) ?? []);
    return path === null ? null : { path, line: line === undefined ? null : Number(line) };
  };
}

/** The one of these whose end is this path, or that is the end of it; null = none, several, or too many to look at. */
function onlyOne(named: string, alike: readonly string[]): string | null {
  if (alike.length > MOST_ALIKE) return null;
  const [path, other] = alike.filter((one) => named.endsWith(`/${one}`) || one.endsWith(`/${named}`));
  return path !== undefined && other === undefined ? path : null;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
