/** What a plot is: the data that the page carries and that its script (`client.ts`) draws. */

/** What a number is, and so how it is written. */
export type Unit = 'us' | 's' | 'per_s' | 'bytes' | 'percent' | 'count';

/** One of a plot's two axes. */
export interface Axis {
  readonly label: string;
  readonly unit: Unit;
  /** `nines`: of a share p the values are 1/(1 - p), drawn logarithmically and written as percentiles. */
  readonly scale: 'linear' | 'log' | 'nines';
}

/** One line of a plot. */
export interface Line {
  readonly label: string;
  /** Which of the page's colours; it begins anew after the last. */
  readonly color: number;
  /** `doubtful`: points in the colour of what is wrong. */
  readonly style: 'solid' | 'dashed' | 'dots' | 'doubtful' | 'steps';
  /** For each of the plot's `xs`; null: nothing there. Never 0 or less on a logarithmic axis. */
  readonly ys: readonly (number | null)[];
}

/** A plot. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  /** Ascending. */
  readonly xs: readonly number[];
  readonly lines: readonly Line[];
}
