/** Runs the script of a page, as it stands in the page, with the least of a browser around it. */
import { runInNewContext } from 'node:vm';

/** What the library was given for one plot, and what may happen to it. */
export interface DrawnPlot {
  readonly options: {
    readonly width: number;
    readonly height: number;
    readonly series: readonly { value(chart: unknown, value: number | null): string }[];
  };
  readonly data: readonly (readonly (number | null)[])[];
  isDestroyed: boolean;
  /** The last one that it was given. */
  size: { readonly width: number; readonly height: number } | null;
  /** The labels of an axis (0: x) from `min` to `max`. */
  ticks(axis: number, min: number, max: number): readonly string[];
  valueText(series: number, value: number | null): string;
  range(axis: 'x' | 'y', min: number | null, max: number | null): readonly [number, number];
  /** The place of a plot gets another width. */
  show(plot: number, width: number): void;
  changeColours(): void;
}

interface Place {
  readonly dataset: { readonly plot: string };
  clientWidth: number;
  closest(selector: string): object | null;
}

/** The page's own script, and the data of its plots. */
export function scriptsOf(page: string): { readonly client: string; readonly data: string } {
  const client = /<script type="module">(.*?)<\/script>/s.exec(page)?.[1];
  const data = /<script type="application\/json" id="plots">(.*?)<\/script>/s.exec(page)?.[1];
  if (client === undefined || data === undefined) throw new Error('the page has no scripts');
  return { client, data };
}

/** @param widths of the places of the plots, in their order; 0 or less: folded away. @returns the plots that were drawn; further ones come later */
export function runPage(page: string, widths: readonly number[]): DrawnPlot[] {
  const { client, data } = scriptsOf(page);
  const numbers = [...page.matchAll(/data-plot="(\d+)"/g)].map(([, number]) => number as string);
  const places: Place[] = numbers.map((plot, i) => ({
    dataset: { plot },
    clientWidth: Math.abs(widths[i] ?? 0),
    // Browsers differ in how wide what is folded away is.
    closest(selector) {
      return selector === 'details:not([open])' && isFolded.has(this) ? {} : null;
    },
  }));
  const isFolded = new Set(places.filter((_, i) => (widths[i] ?? 0) < 0));
  const drawn: DrawnPlot[] = [];
  const tell: ((entries: readonly { readonly target: Place }[]) => void)[] = [];
  const recolour: (() => void)[] = [];

  // biome-ignore lint/suspicious/noExplicitAny: the library's own types are for a browser
  function FakePlot(this: Record<string, unknown>, options: any, given: DrawnPlot['data']): void {
    const copy = JSON.parse(JSON.stringify(given)) as DrawnPlot['data'];
    const record: DrawnPlot = {
      options,
      data: copy,
      isDestroyed: false,
      size: null,
      ticks: (axis, min, max) => {
        const { splits, values } = options.axes[axis];
        return [...values(this, splits(this, axis, min, max))];
      },
      valueText: (series, value) => options.series[series].value(this, value),
      range: (axis, min, max) => options.scales[axis].range(this, min, max),
      show(plot, width) {
        const target = places[plot] as Place;
        target.clientWidth = width;
        isFolded.delete(target);
        for (const each of tell) each([{ target }]);
      },
      changeColours: () => {
        for (const each of recolour) each();
      },
    };
    drawn.push(record);
    Object.assign(this, {
      width: options.width,
      setSize: (size: { width: number; height: number }) => {
        record.size = { width: size.width, height: size.height };
        this.width = size.width;
      },
      destroy: () => {
        record.isDestroyed = true;
      },
    });
  }
  FakePlot.paths = { stepped: () => () => null };

  class FakeObserver {
    constructor(changed: (entries: readonly { readonly target: Place }[]) => void) {
      tell.push(changed);
    }
    observe(target: Place): void {
      for (const each of tell) each([{ target }]);
    }
  }

  // A module's `export {}` is all that tells it from a script.
  runInNewContext(client.replace(/^export \{\s*\};?$/m, ''), {
    uPlot: FakePlot,
    document: {
      documentElement: {},
      getElementById: (id: string) => ({ textContent: id === 'plots' ? data : '' }),
      querySelectorAll: () => places,
    },
    getComputedStyle: () => ({ getPropertyValue: (name: string) => (/^--[a-z]\w*$/.test(name) ? ' #123456' : '') }),
    matchMedia: () => ({ addEventListener: (_event: string, listener: () => void) => recolour.push(listener) }),
    ResizeObserver: FakeObserver,
  });
  return drawn;
}
