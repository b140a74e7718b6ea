/**
 * The shortest list, as far as leaving out finds one, that still fails (delta debugging, Zeller's ddmin): ever smaller pieces are
 * left out as long as the rest fails, and then each element that is left is made simpler where `simpler` knows how.
 */
export async function shrink<T>(
  failing: readonly T[], fails: (candidate: readonly T[]) => Promise<boolean>, simpler: (element: T) => readonly T[] = () => [],
): Promise<readonly T[]> {
  let shortest = await withoutPieces(failing, fails);
  for (let isSimplest = false; !isSimplest;) {
    isSimplest = true;
    for (let index = 0; index < shortest.length; index++) {
      for (const element of simpler(shortest[index]!)) {
        const candidate = shortest.with(index, element);
        if (!await fails(candidate)) continue;
        shortest = candidate;
        isSimplest = false;
        break;
      }
    }
    if (!isSimplest) shortest = await withoutPieces(shortest, fails);
  }
  return shortest;
}

async function withoutPieces<T>(failing: readonly T[], fails: (candidate: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let rest = failing;
  for (let size = Math.ceil(rest.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    // From the end: what comes late is seldom what the fault needs.
    for (let start = rest.length - size; start > -size; start -= size) {
      const candidate = [...rest.slice(0, Math.max(0, start)), ...rest.slice(Math.max(0, start) + size)];
      if (candidate.length < rest.length && await fails(candidate)) rest = candidate;
    }
  }
  return rest;
}
