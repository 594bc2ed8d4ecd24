/** Who may serve a connection or a listener: what the configuration says, and what stands above it for this one. */

/** Why a provider must not serve. */
export interface Objection {
  /** Kebab-case, as in decision records. */
  readonly reason: string;
  /** For people. */
  readonly detail?: string;
}

/** What stands above the configuration for one connection or listener: rules of the user's, or the way in which it is used. */
export interface Ruling {
  /** Why a provider must not serve; null: it may. */
  against(provider: string): Objection | null;
  /** Only these may serve, empty: anybody. Null: as the configuration has it. */
  readonly demanded: ReadonlySet<string> | null;
}

const NOT_DEMANDED: Objection = { reason: 'not-demanded' };

/** See the top of this file. */
export class Policy {
  /** Only these may serve; empty: anybody. */
  readonly demanded: ReadonlySet<string>;
  /** TCP/IP may serve. */
  readonly takesTcp: boolean;
  private readonly ruling: Ruling | null;

  /** @param configured providers that the configuration demands */
  constructor(configured: ReadonlySet<string>, ruling: Ruling | null = null) {
    this.ruling = ruling;
    this.demanded = ruling?.demanded ?? configured;
    this.takesTcp = this.demanded.size === 0 || this.demanded.has('tcp');
  }

  /** Why a SAN provider is not asked; null: it may serve. */
  objection(provider: string): Objection | null {
    const { demanded, ruling } = this;
    const ruled = ruling === null ? null : ruling.against(provider);
    if (ruled !== null) return ruled;
    return demanded.size === 0 || demanded.has(provider) ? null : NOT_DEMANDED;
  }
}
