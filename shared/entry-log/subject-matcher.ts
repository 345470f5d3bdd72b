/** A predicate for a NATS subject filter: `*` is one token, a final `>` one or more. */
export function subjectMatcher(filter: string): (subject: string) => boolean {
  const tokens = filter.split(".");
  return (subject) => {
    const parts = subject.split(".");
    for (const [index, token] of tokens.entries()) {
      if (token === ">") return parts.length > index;
      if (token !== "*" && token !== parts[index]) return false;
    }
    return parts.length === tokens.length;
  };
}
