import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A number that a test has a client push. */
export interface WrittenPoint {
  readonly name: string;
  readonly kind?: 'gauge' | 'sum';
  readonly isMonotonic?: boolean;
  readonly isDelta?: boolean;
  readonly unit?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** A bigint is written as an integer. */
  readonly value: number | bigint;
  readonly timestampMs?: number;
}

type Write = (writer: BinaryWriter) => void;

const field = (writer: BinaryWriter, number: number, write: Write): void => {
  writer.tag(number, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
};
const text = (writer: BinaryWriter, number: number, value: string): BinaryWriter => writer.tag(number, WireType.LengthDelimited).string(value);

/** `MetricsData` of OpenTelemetry, a metric for each point, as clients push it. */
export function writeOtlp(labels: Readonly<Record<string, unknown>>, points: readonly WrittenPoint[]): Uint8Array {
  const writer = new BinaryWriter();
  field(writer, 1, () => {
    field(writer, 1, () => writeAttributes(writer, 1, labels));
    for (const point of points) {
      field(writer, 2, () => {
        field(writer, 1, () => text(writer, 1, 'the scope'));
        field(writer, 2, () => writeMetric(writer, point));
      });
    }
  });
  return writer.finish();
}

function writeMetric(writer: BinaryWriter, point: WrittenPoint): void {
  const { name, kind = 'gauge', unit = '', isDelta = false, isMonotonic = false } = point;
  text(writer, 1, name);
  text(writer, 2, 'a description, which nobody reads');
  text(writer, 3, unit);
  field(writer, kind === 'gauge' ? 5 : 7, () => {
    field(writer, 1, () => writePoint(writer, point));
    if (kind === 'gauge') return;
    writer.tag(2, WireType.Varint).int32(isDelta ? 1 : 2);
    writer.tag(3, WireType.Varint).bool(isMonotonic);
  });
}

function writePoint(writer: BinaryWriter, { value, timestampMs = 0, attributes = {} }: WrittenPoint): void {
  writer.tag(2, WireType.Bit64).fixed64(1n);
  writer.tag(3, WireType.Bit64).fixed64(BigInt(timestampMs) * 1_000_000n);
  if (typeof value === 'bigint') writer.tag(6, WireType.Bit64).sfixed64(value);
  else writer.tag(4, WireType.Bit64).double(value);
  writeAttributes(writer, 7, attributes);
  writer.tag(8, WireType.Varint).uint32(0);
}

function writeAttributes(writer: BinaryWriter, number: number, attributes: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(attributes)) {
    field(writer, number, () => {
      text(writer, 1, key);
      field(writer, 2, () => writeValue(writer, value));
    });
  }
}

function writeValue(writer: BinaryWriter, value: unknown): void {
  if (typeof value === 'string') text(writer, 1, value);
  else if (typeof value === 'boolean') writer.tag(2, WireType.Varint).bool(value);
  else if (typeof value === 'bigint') writer.tag(3, WireType.Varint).int64(value);
  else if (typeof value === 'number') writer.tag(4, WireType.Bit64).double(value);
  else field(writer, 5, () => undefined);
}
