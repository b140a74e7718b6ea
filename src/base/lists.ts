/**
 * The list with one more element; the list is made with its first. An empty array makes room for 17 when it gets one, and most
 * lists of a request have just one.
 */
export function withElement<T>(list: T[] | undefined, element: T): T[] {
  if (list === undefined) return [element];
  list.push(element);
  return list;
}
