/** The public service provider interface. */
export {};
