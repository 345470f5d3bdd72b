/** The items of a list as Dubbo splits it: at commas, with the white space around them (`COMMA_SPLIT_PATTERN`). */
export function splitList(text: string): string[] {
  return text.split(/\s*,+\s*/);
}
