import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Names and values, as text. */
export type Attributes = Readonly<Record<string, string>>;

/** One number of one metric at one time. */
export interface OtlpPoint {
  readonly name: string;
  readonly unit: string;
  /** A gauge says how it is, a sum how much it has become. */
  readonly kind: 'gauge' | 'sum';
  /** Of a sum: whether it never falls. */
  readonly isMonotonic: boolean;
  /** Of a sum: whether `value` is what came since the last time, and not all there ever was. */
  readonly isDelta: boolean;
  readonly attributes: Attributes;
  readonly value: number;
  readonly timestampMs: number;
}

export interface OtlpMetrics {
  /** Of who sent them: the resource's attributes. */
  readonly labels: Attributes;
  readonly points: readonly OtlpPoint[];
}

/** Clients have a few hundred; empty points take two bytes each, and would fill the memory. */
const MAX_POINTS = 10_000;
const DELTA = 1;
const NANOS_PER_MS = 1_000_000n;

/** Takes a field of a message: true when it has read it, else it is passed over. */
type Field = (reader: BinaryReader, field: number, type: WireType) => boolean | void;

/**
 * The numbers in a `MetricsData` of OpenTelemetry 1.x, which is what clients push (KIP-714): gauges and sums, the only kinds that
 * clients of Kafka send. Histograms and whatever else there may be are passed over. Throws an error for what is no protobuf, or
 * holds more than MAX_POINTS numbers.
 */
export function readOtlp(bytes: Uint8Array): OtlpMetrics {
  const labels: Record<string, string> = {};
  const points: OtlpPoint[] = [];
  message(bytes, fields({ 1: resourceMetrics => message(resourceMetrics, fields({
    1: resource => message(resource, attribute(1, labels)),
    2: scopeMetrics => message(scopeMetrics, fields({ 2: metric => readMetric(metric, points) })),
  })) }));
  return { labels, points };
}

function readMetric(bytes: Uint8Array, into: OtlpPoint[]): void {
  const metric = { name: '', unit: '' };
  const sum = { isMonotonic: false, isDelta: false };
  const points: (Pick<OtlpPoint, 'attributes' | 'value' | 'timestampMs' | 'kind'>)[] = [];
  const keep = (kind: OtlpPoint['kind'], point: Uint8Array): void => {
    if (into.length + points.length >= MAX_POINTS) throw new RangeError(`more than ${MAX_POINTS} numbers`);
    points.push({ kind, ...readPoint(point) });
  };
  message(bytes, (reader, field, type) => {
    if (type !== WireType.LengthDelimited) return false;
    if (field === 1) metric.name = reader.string();
    else if (field === 3) metric.unit = reader.string();
    else if (field === 5) message(reader.bytes(), fields({ 1: point => keep('gauge', point) }));
    else if (field === 7) {
      message(reader.bytes(), (inner, innerField, innerType) => {
        if (innerField === 1 && innerType === WireType.LengthDelimited) keep('sum', inner.bytes());
        else if (innerField === 2 && innerType === WireType.Varint) sum.isDelta = inner.int32() === DELTA;
        else if (innerField === 3 && innerType === WireType.Varint) sum.isMonotonic = inner.bool();
        else return false;
        return true;
      });
    } else return false;
    return true;
  });
  // The fields of a message come in any order.
  const facts = { gauge: { isMonotonic: false, isDelta: false }, sum };
  for (const point of points) into.push({ ...metric, ...point, ...facts[point.kind] });
}

function readPoint(bytes: Uint8Array): Pick<OtlpPoint, 'attributes' | 'value' | 'timestampMs'> {
  const attributes: Record<string, string> = {};
  const point = { value: 0, timestampMs: 0 };
  const keyValue = attribute(7, attributes);
  message(bytes, (reader, field, type) => {
    if (type !== WireType.Bit64) return keyValue(reader, field, type);
    if (field === 3) point.timestampMs = Number(BigInt(reader.fixed64()) / NANOS_PER_MS);
    else if (field === 4) point.value = reader.double();
    else if (field === 6) point.value = Number(reader.sfixed64());
    else return false;
    return true;
  });
  return { attributes, ...point };
}

/** Takes a key and its value into `attributes`; lists and maps of values are left out. */
function attribute(number: number, attributes: Record<string, string>): Field {
  return fields({ [number]: bytes => {
    let key = '';
    let value: string | undefined;
    message(bytes, (reader, field, type) => {
      if (type !== WireType.LengthDelimited) return false;
      if (field === 1) key = reader.string();
      else if (field === 2) value = readValue(reader.bytes());
      else return false;
      return true;
    });
    // Not assigned: a key may be `__proto__`.
    if (value !== undefined) Object.defineProperty(attributes, key, { value, enumerable: true, configurable: true, writable: true });
  } });
}

function readValue(bytes: Uint8Array): string | undefined {
  let value: string | undefined;
  message(bytes, (reader, field, type) => {
    if (field === 1 && type === WireType.LengthDelimited) value = reader.string();
    else if (field === 2 && type === WireType.Varint) value = String(reader.bool());
    else if (field === 3 && type === WireType.Varint) value = String(reader.int64());
    else if (field === 4 && type === WireType.Bit64) value = String(reader.double());
    else return false;
    return true;
  });
  return value;
}

/** Takes messages within a message, by the number of their field. */
function fields(take: Readonly<Record<number, (bytes: Uint8Array) => void>>): Field {
  return (reader, field, type) => {
    const taker = type === WireType.LengthDelimited ? take[field] : undefined;
    if (taker === undefined) return false;
    taker(reader.bytes());
    return true;
  };
}

function message(bytes: Uint8Array, take: Field): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (take(reader, field, type) !== true) reader.skip(type, field);
  }
}
