// The one box of All runs holds words, `key:value` or JMESPath. Words from elsewhere, such as an old view, are put into
// it.

export function isJmespath(text) {
  const unquoted = text.replaceAll(/"[^"]*"/g, "");
  return /^[[@{!(`'&]/.test(text) || /^[a-z_]+\s*\(/.test(text) || unquoted.includes("|");
}

// Writes words so that the box reads them as words, even if they look like `key:value` or JMESPath.
export function asWords(text) {
  return text
    .replaceAll('"', " ")
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => (/^[\w.,-]+$/.test(word) ? word : `"${word}"`))
    .join(" ");
}

// Returns a definition with its words in the box. If the box has a JMESPath expression, the words stay in `text`.
export function inOneBox(definition) {
  const { query, text } = definition;
  if (!text.trim() || isJmespath(query.trim())) return definition;
  return { ...definition, query: `${query.trim()} ${asWords(text)}`.trim(), text: "" };
}

// Returns the definition limited to the runs that failed for a reason; `words` find these runs.
export function narrowedToFailure(definition, words) {
  const query = definition.query.trim();
  if (isJmespath(query)) return { ...definition, text: words, statuses: ["Failed"] };
  const others = query.replaceAll(/\s*status:failed(?: "[^"]*")?/g, "").trim();
  return { ...definition, query: `${others} status:failed "${words.replaceAll('"', " ")}"`.trim() };
}
