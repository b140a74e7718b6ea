/** Runs of steps are left out for as long as that many attempts last. */
const ATTEMPTS = 60;

/** A shorter list with which `fails` still is so: runs of steps are left out, first long ones, in the end single ones. */
export async function shrunk<S>(steps: readonly S[], fails: (steps: readonly S[]) => Promise<boolean>): Promise<readonly S[]> {
  let left = steps;
  let attempts = 0;
  for (let run = Math.ceil(left.length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2)) {
    for (let start = left.length - run; start > -run && attempts < ATTEMPTS; start -= run) {
      const without = left.filter((_, index) => index < start || index >= start + run);
      attempts++;
      if (without.length < left.length && await fails(without)) left = without;
    }
  }
  return left;
}
