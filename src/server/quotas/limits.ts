import { QuotaEntityType, type ClientQuotaImage } from '../../metadata/types.js';

/** The bound of whom nothing bounds. */
export const UNBOUNDED = 2 ** 63;

/** Who is counted together: of a user, of a client id, or of both. '' where it makes no difference. */
export interface Share {
  readonly user: string;
  readonly clientId: string;
}

const Level = { CLIENT: 1, USER: 2, USER_AND_CLIENT: 4 } as const;

/** A name, null for the default entity, undefined where the entity has no such part. */
type Name = string | null | undefined;

const keyOf = (user: Name, clientId: Name): string => `${printed(user)}${printed(clientId)}`;
const printed = (name: Name): string => (name === undefined ? '-' : name === null ? '*' : `${name.length}:${name}`);

/**
 * One kind of quota as the cluster has it at a moment: immutable, made when quotas change. Which of a client's quotas counts is
 * `ClientQuotaManager.DefaultQuotaCallback`'s rule.
 */
export class Limits {
  private constructor(private readonly bounds: ReadonlyMap<string, number>, private readonly levels: number) {}

  static of(quotas: Iterable<ClientQuotaImage>, key: string): Limits {
    const bounds = new Map<string, number>();
    let levels = 0;
    for (const { entity, values } of quotas) {
      const bound = values.get(key);
      if (bound === undefined || entity.some(({ type }) => type === QuotaEntityType.IP)) continue;
      const user = entity.find(({ type }) => type === QuotaEntityType.USER)?.name;
      const clientId = entity.find(({ type }) => type === QuotaEntityType.CLIENT_ID)?.name;
      bounds.set(keyOf(user, clientId), bound);
      levels |= user === undefined ? Level.CLIENT : clientId === undefined ? Level.USER : Level.USER_AND_CLIENT;
    }
    return new Limits(bounds, levels);
  }

  get isEmpty(): boolean {
    return this.levels === 0;
  }

  /** With whom a client shares its bound. */
  shareOf(user: string, clientId: string): Share {
    switch (this.levels) {
      case Level.CLIENT:
        return { user: '', clientId };
      case Level.USER:
        return { user, clientId: '' };
      case Level.USER_AND_CLIENT:
        return { user, clientId };
      default:
        return this.#mostSpecific(user, clientId);
    }
  }

  /** A share that names both is bounded by what names both, and so on: quotas of other levels do not count for it. */
  boundOf({ user, clientId }: Share): number {
    if (user !== '' && clientId !== '') return this.#first([[user, clientId], [user, null], [null, clientId], [null, null]]);
    if (user !== '') return this.#first([[user, undefined], [null, undefined]]);
    if (clientId !== '') return this.#first([[undefined, clientId], [undefined, null]]);
    return UNBOUNDED;
  }

  #mostSpecific(user: string, clientId: string): Share {
    const { bounds } = this;
    if (bounds.has(keyOf(user, clientId)) || bounds.has(keyOf(user, null))) return { user, clientId };
    if (bounds.has(keyOf(user, undefined))) return { user, clientId: '' };
    if (bounds.has(keyOf(null, clientId)) || bounds.has(keyOf(null, null))) return { user, clientId };
    if (bounds.has(keyOf(null, undefined))) return { user, clientId: '' };
    return { user: '', clientId };
  }

  #first(names: readonly (readonly [user: Name, clientId: Name])[]): number {
    for (const [user, clientId] of names) {
      const bound = this.bounds.get(keyOf(user, clientId));
      if (bound !== undefined) return bound;
    }
    return UNBOUNDED;
  }
}
