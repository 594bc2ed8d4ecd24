/** Something that a user gave and that can't be used: a file, an option. Its message is one line, for that user. */
export class UnusableError extends Error {}
