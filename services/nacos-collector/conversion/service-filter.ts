import type { NacosSource } from "../../../shared/config/mod.ts";

/** A service of a namespace, by id and by the name that people see (the same where that isn't known). */
export interface NamedService {
  readonly namespace: string;
  readonly namespaceName: string;
  readonly group: string;
  readonly name: string;
}

/** Whether a service is read at all: the others are never subscribed to, and cost the server nothing. */
export type ServiceFilter = (service: NamedService) => boolean;

/**
 * Compiles `includeServices` and `excludeServices`; undefined if the source has neither, and all services are read. In
 * a pattern `*` stands for any text, also with `:`, `.` and `/` in it. Capitals count.
 */
export function serviceFilter({ includeServices, excludeServices }: NacosSource): ServiceFilter | undefined {
  if (includeServices.length === 0 && excludeServices.length === 0) return undefined;
  const included = includeServices.map(matcherOf);
  const excluded = excludeServices.map(matcherOf);
  return (service) =>
    (included.length === 0 || included.some((matches) => matches(service))) &&
    !excluded.some((matches) => matches(service));
}

function matcherOf(pattern: NacosSource["includeServices"][number]): ServiceFilter {
  const isNamespace = textMatcher(pattern.namespace);
  const isGroup = textMatcher(pattern.group);
  const isService = textMatcher(pattern.service);
  return ({ namespace, namespaceName, group, name }) =>
    (isNamespace(namespace) || isNamespace(namespaceName)) && isGroup(group) && isService(name);
}

/** Without a regular expression: a pattern of many `*` must not take for ever on a long name. */
function textMatcher(pattern: string): (text: string) => boolean {
  if (pattern === "") return () => true;
  const [start = "", ...rest] = pattern.split("*");
  const end = rest.pop();
  if (end === undefined) return (text) => text === start;
  return (text) => {
    if (!text.startsWith(start) || text.length < start.length + end.length || !text.endsWith(end)) {
      return false;
    }
    const last = text.length - end.length;
    let at = start.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found === -1 || found + part.length > last) return false;
      at = found + part.length;
    }
    return true;
  };
}
