/**
 * Names, titles and code come from strangers. Characters that nobody sees, or that turn the reading direction, can make a text look like another one: they
 * are shown as words such as <U+202E>. Tabs and newlines stay.
 */
export function visibleText(text: string): string {
  return text.toWellFormed().replace(UNSEEN, inWords);
}

/** The same for text that must stay in one line. */
export function visibleLine(text: string): string {
  return visibleText(text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, " "));
}

/** Controls, marks that change direction, invisible joiners and tags. */
const UNSEEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

function inWords(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return "^?";
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}
