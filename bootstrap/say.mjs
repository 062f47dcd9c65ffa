/** The reader can mend it: the message says how, and is shown without a stack. */
export class Failure extends Error {}

/** On standard error: standard output belongs to the program that is started. @param {string} line */
export const say = (line) => console.error(line);
