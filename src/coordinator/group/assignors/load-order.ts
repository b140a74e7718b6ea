/**
 * Members in the order of their load (the number of their partitions), which deals to the light end and takes from the heavy end,
 * so that both ends grow level. Sorted once: a member that was dealt to waits until those below its new load have caught up.
 *
 * The caller gives and takes what it is told to; `sizes` is read only when an end widens.
 */
export class LoadOrder {
  private readonly order: number[];
  // The light end is order[0, lightEnd), all at lightLevel or, before lightNext, one above.
  private lightEnd = 0;
  private lightNext = 0;
  private lightLevel: number;
  // The heavy end is order[heavyStart, heavyEnd), all at heavyLevel or, from heavyNext on, one below. Behind it: who has nothing to give.
  private heavyStart: number;
  private heavyEnd: number;
  private heavyNext: number;
  private heavyLevel: number;

  /**
   * @param members - at least one, in the order in which those with the same load are dealt to
   * @param sizes - by member, kept up to date by the caller
   */
  constructor(members: readonly number[], private readonly sizes: Int32Array) {
    this.order = [...members].sort((one, other) => sizes[one]! - sizes[other]!);
    this.heavyStart = this.order.length;
    this.heavyEnd = this.order.length;
    this.heavyNext = this.order.length - 1;
    this.lightLevel = this.sizeAt(0) - 1;
    this.heavyLevel = this.sizeAt(this.order.length - 1) + 1;
  }

  /** The member to give a partition to. */
  takeLightest(): number {
    if (this.lightNext === this.lightEnd) this.widenLightEnd();
    return this.order[this.lightNext++]!;
  }

  /** The member to take a partition from; `undefined` when all have been dropped. */
  takeHeaviest(): number | undefined {
    if (this.heavyNext < this.heavyStart) this.widenHeavyEnd();
    return this.heavyNext < 0 ? undefined : this.order[this.heavyNext--];
  }

  /** The member that `takeHeaviest` told last has nothing to give: it is not told again. */
  dropHeaviest(): void {
    const dropped = this.heavyNext + 1;
    this.heavyEnd--;
    [this.order[dropped], this.order[this.heavyEnd]] = [this.order[this.heavyEnd]!, this.order[dropped]!];
  }

  /** Whether the last two members told differ by one at most, so that a partition moved between them would improve nothing. */
  get isLevel(): boolean {
    return this.heavyLevel - this.lightLevel <= 1;
  }

  private widenLightEnd(): void {
    this.lightLevel++;
    while (this.lightEnd < this.order.length && this.sizeAt(this.lightEnd) === this.lightLevel) this.lightEnd++;
    this.lightNext = 0;
  }

  private widenHeavyEnd(): void {
    const isEmpty = this.heavyEnd <= this.heavyStart && this.heavyStart > 0;
    this.heavyLevel = isEmpty ? this.sizeAt(this.heavyStart - 1) : this.heavyLevel - 1;
    while (this.heavyStart > 0 && this.sizeAt(this.heavyStart - 1) === this.heavyLevel) this.heavyStart--;
    this.heavyNext = this.heavyEnd - 1;
  }

  private sizeAt(position: number): number {
    return this.sizes[this.order[position]!]!;
  }
}
