/** The one place that rolls dice, so that everything that needs chance can be given a seeded source instead. Not for secrets. */

/** A number in [0, 1). */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
