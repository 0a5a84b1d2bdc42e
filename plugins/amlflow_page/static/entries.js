// Entries of a run's tags, params, properties and metrics. A key may have the name of a member that every object of
// JavaScript has, such as `constructor`.

// Returns the value of a key; undefined if the content does not have the key.
export function entryOf(content, key) {
  return content && Object.hasOwn(content, key) ? content[key] : undefined;
}
