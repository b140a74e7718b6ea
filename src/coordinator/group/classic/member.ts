import type { ReplyTo } from '../../../runtime/machine.js';
import type { JoinResult, MemberProtocol, SyncResult } from '../types.js';

export const NO_ASSIGNMENT = new Uint8Array(0);

/** Who a member is: stays as it is for a member id's life. */
export interface MemberIdentity {
  readonly memberId: string;
  /** Set for a static member (KIP-345): the name under which it comes back after a restart. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** What a member asks for; every join may bring other terms. */
export interface MemberTerms {
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
}

/** A member of a classic group, after Kafka's `ClassicGroupMember`. Its group alone sets who waits for what. */
export class ClassicMember {
  assignment: Uint8Array = NO_ASSIGNMENT;
  awaitingJoin: ReplyTo<JoinResult> | null = null;
  awaitingSync: ReplyTo<SyncResult> | null = null;
  /** In its first join: it does not know its id yet, so being parked does not keep it alive. */
  isNew = false;

  constructor(
    readonly identity: MemberIdentity,
    public terms: MemberTerms,
  ) {}

  get memberId(): string {
    return this.identity.memberId;
  }

  get isStatic(): boolean {
    return this.identity.groupInstanceId !== null;
  }

  metadata(protocolName: string | null): Uint8Array {
    return this.terms.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_ASSIGNMENT;
  }

  /** Whether the end of the session may pass unheeded, because the member is parked with us. */
  hasSatisfiedHeartbeat(): boolean {
    return !this.isNew && (this.awaitingJoin !== null || this.awaitingSync !== null);
  }

  /** Whether these are the protocols it has, in its order and with its metadata. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    const own = this.terms.protocols;
    return own.length === protocols.length && own.every(({ name, metadata }, index) => {
      const other = protocols[index]!;
      return name === other.name && Buffer.compare(metadata, other.metadata) === 0;
    });
  }

  /** The most wanted of `candidates`. */
  vote(candidates: ReadonlySet<string>): string | undefined {
    return this.terms.protocols.find(({ name }) => candidates.has(name))?.name;
  }
}
