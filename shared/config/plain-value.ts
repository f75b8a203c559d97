/** Careful access to values of unknown shape, as they come out of YAML or JSON. */

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, segment) => {
    if (Array.isArray(value) && typeof segment === 'number') return value[segment] as unknown;
    return isRecord(value) && Object.hasOwn(value, String(segment)) ? value[String(segment)] : undefined;
  }, root);
}

/** A copy in which `path` holds `value`; whatever stands in the way of the path is left alone for validation to complain about. */
export function withValueAt(root: unknown, path: readonly string[], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (root !== undefined && !isRecord(root)) return root;
  return { ...root, [first]: withValueAt(root?.[first], rest, value) };
}

/** A copy without null members: `key:` with nothing after it means "not set", as it does when all lines of a section are commented out. */
export function withoutNulls(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutNulls(member)]));
}
