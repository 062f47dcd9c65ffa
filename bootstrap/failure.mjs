/** The reader can mend it: the message says how, and is shown without a stack. */
export class Failure extends Error {}
