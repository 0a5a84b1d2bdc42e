// The one box of All runs has words, `key:value` or JMESPath; what other places have as words comes into it.

export function isJmespath(text) {
  const unquoted = text.replaceAll(/"[^"]*"/g, "");
  return /^[[@{!(`'&]/.test(text) || /^[a-z_]+\s*\(/.test(text) || unquoted.includes("|");
}

// Words as the box takes them for words, whatever they look like.
export function asWords(text) {
  return text
    .replaceAll('"', " ")
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => (/^[\w.,-]+$/.test(word) ? word : `"${word}"`))
    .join(" ");
}

// A definition whose words are in the box. Beside a JMESPath expression they have to stay where they are.
export function inOneBox(definition) {
  const { query, text } = definition;
  if (!text.trim() || isJmespath(query.trim())) return definition;
  return { ...definition, query: `${query.trim()} ${asWords(text)}`.trim(), text: "" };
}

// The definition narrowed to the runs that failed for a reason, which `words` find.
export function narrowedToFailure(definition, words) {
  const query = definition.query.trim();
  if (isJmespath(query)) return { ...definition, text: words, statuses: ["Failed"] };
  const others = query.replaceAll(/\s*status:failed(?: "[^"]*")?/g, "").trim();
  return { ...definition, query: `${others} status:failed "${words.replaceAll('"', " ")}"`.trim() };
}
