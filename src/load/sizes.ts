/** How many bytes requests have: always the same, evenly from a range, or some of one and some of another. */
import { Random } from './random.js';

/** One part of a mix: integers from `least` to `most`, with a share of `weight` among all weights. */
export interface SizeRange {
  readonly least: number;
  readonly most: number;
  readonly weight: number;
}

/** All parts; at least one. */
export type SizeMix = readonly SizeRange[];

/** The mean of the sizes of a mix. */
export function meanSize(mix: SizeMix): number {
  const weights = mix.reduce((sum, { weight }) => sum + weight, 0);
  return mix.reduce((sum, { least, most, weight }) => sum + ((least + most) / 2) * (weight / weights), 0);
}

/** The greatest size of a mix. */
export function greatestSize(mix: SizeMix): number {
  return Math.max(...mix.map(({ most }) => most));
}

/** As a user writes it: `64`, `64-1024`, `64:9/4096:1`. */
export function sizeText(mix: SizeMix): string {
  const one = ({ least, most }: SizeRange): string => (least === most ? `${least}` : `${least}-${most}`);
  if (mix.length === 1) return one(mix[0] as SizeRange);
  return mix.map((range) => `${one(range)}:${range.weight}`).join('/');
}

/** Draws sizes. */
export class Sizes {
  private readonly mix: SizeMix;
  private readonly random: Random;
  private readonly total: number;
  private readonly constant: number | null;

  constructor(mix: SizeMix, seed: number) {
    this.mix = mix;
    this.random = new Random(seed);
    this.total = mix.reduce((sum, { weight }) => sum + weight, 0);
    const [first] = mix;
    this.constant = first !== undefined && mix.length === 1 && first.least === first.most ? first.least : null;
  }

  next(): number {
    return this.constant ?? this.draw();
  }

  private draw(): number {
    let at = this.random.next() * this.total;
    const range = this.mix.find(({ weight }) => {
      at -= weight;
      return at < 0;
    });
    const { least, most } = range ?? (this.mix[this.mix.length - 1] as SizeRange);
    return least + Math.floor(this.random.next() * (most - least + 1));
  }
}
