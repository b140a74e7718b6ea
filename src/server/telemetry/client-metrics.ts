import type { Uuid } from '../../protocol/wire/types.js';
import type { Attributes, OtlpMetrics, OtlpPoint } from './otlp.js';

/** A number that a client has told of itself. */
export interface ClientMetric {
  /** Such as `org.apache.kafka.producer.record.send.total`. */
  readonly name: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum';
  readonly isMonotonic: boolean;
  readonly attributes: Attributes;
  /** Of a sum: all since the client's first push, if it pushes what is new. */
  readonly value: number;
  /** As the client's clock has it. */
  readonly timestampMs: number;
}

/** One running client, and what it last pushed. */
export interface ClientMetrics {
  readonly clientInstanceId: Uuid;
  readonly clientId: string | null;
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
  readonly clientAddress: string;
  /** What it says of itself, such as `client_rack` and `group_id`. */
  readonly labels: Attributes;
  readonly metrics: readonly ClientMetric[];
}

/** Who pushes, without what. */
export type PushingClient = Omit<ClientMetrics, 'labels' | 'metrics'>;

interface Kept {
  readonly client: PushingClient;
  labels: Attributes;
  readonly metrics: Map<string, ClientMetric>;
  bytes: number;
}

export interface ClientMetricsLimits {
  /** Names and attributes of one client, in bytes of memory. */
  readonly perClientBytes: number;
  /** Of all together. */
  readonly totalBytes: number;
}

const DEFAULT_LIMITS: ClientMetricsLimits = { perClientBytes: 1024 * 1024, totalBytes: 32 * 1024 * 1024 };
/** What an entry takes beside its texts, about. */
const OVERHEAD_BYTES = 200;

/**
 * The newest numbers of the clients that push theirs. Bounded: what is more than a client's share is not taken, and where all
 * together have too much, those who have been silent for the longest are forgotten.
 */
export class ClientMetricsStore {
  /** Who pushed last stands last. */
  private readonly kept = new Map<Uuid, Kept>();
  private bytes = 0;
  /** Numbers that there was no room for. */
  dropped = 0;

  constructor(private readonly limits: ClientMetricsLimits = DEFAULT_LIMITS) {}

  take(client: PushingClient, { labels, points }: OtlpMetrics): void {
    const { clientInstanceId } = client;
    const kept = this.kept.get(clientInstanceId) ?? this.begin(client);
    this.kept.delete(clientInstanceId);
    this.kept.set(clientInstanceId, kept);
    this.takeLabels(kept, labels);
    for (const point of points) this.takePoint(kept, point);
    for (const [id] of this.kept) {
      if (this.bytes <= this.limits.totalBytes) break;
      this.forget(id);
    }
  }

  forget(clientInstanceId: Uuid): void {
    this.bytes -= this.kept.get(clientInstanceId)?.bytes ?? 0;
    this.kept.delete(clientInstanceId);
  }

  all(): ClientMetrics[] {
    return [...this.kept.values()].map(({ client, labels, metrics }) => ({ ...client, labels, metrics: [...metrics.values()] }));
  }

  private begin(client: PushingClient): Kept {
    const kept: Kept = { client, labels: {}, metrics: new Map(), bytes: 0 };
    this.grow(kept, OVERHEAD_BYTES + 2 * ((client.clientId ?? '').length + client.clientSoftwareName.length + client.clientSoftwareVersion.length));
    return kept;
  }

  private takeLabels(kept: Kept, labels: Attributes): void {
    const more = costOf(labels) - costOf(kept.labels);
    if (!this.isRoom(kept, more)) return;
    this.grow(kept, more);
    kept.labels = labels;
  }

  private takePoint(kept: Kept, { isDelta, ...metric }: OtlpPoint): void {
    const series = JSON.stringify([metric.name, metric.kind, Object.entries(metric.attributes).sort(([a], [b]) => (a < b ? -1 : 1))]);
    const before = kept.metrics.get(series);
    if (before === undefined) {
      // The key, the name and the attributes: the same text twice over, in characters of two bytes.
      const bytes = OVERHEAD_BYTES + 4 * series.length + 2 * metric.unit.length;
      if (!this.isRoom(kept, bytes)) {
        this.dropped++;
        return;
      }
      this.grow(kept, bytes);
    }
    kept.metrics.set(series, { ...metric, value: isDelta ? (before?.value ?? 0) + metric.value : metric.value });
  }

  private isRoom(kept: Kept, more: number): boolean {
    return kept.bytes + more <= this.limits.perClientBytes;
  }

  private grow(kept: Kept, more: number): void {
    kept.bytes += more;
    this.bytes += more;
  }
}

function costOf(labels: Attributes): number {
  return Object.entries(labels).reduce((sum, [key, value]) => sum + OVERHEAD_BYTES + 2 * (key.length + value.length), 0);
}
