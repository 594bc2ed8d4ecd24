/** What a cell knows of its move from or to another host. */
export interface Transit {
  /** It is past the point from which it spawns no children here. */
  readonly isLeaving: boolean;
  /** One step, in a turn of the actor: its phase is `transit`. */
  advance(): void;
  /** The actor has failed; `callOff` follows if it ends or restarts for that. */
  failed(error: unknown): void;
  /** The actor ends or restarts instead. */
  callOff(): void;
}
