/** The views that have a tab, in its order; the palette finds the same. */
export const tabs = [
  "overview",
  "services",
  "time",
  "trace",
  "dependencies",
  "clients",
  "problems",
  "dryrun",
] as const;

/** All views of the console. */
export const viewNames = [...tabs, "service", "release"] as const;
export type ViewName = (typeof viewNames)[number];

/** The tab of a view. */
export function tabFor(view: ViewName): (typeof tabs)[number] {
  if (view === "service") return "services";
  return view === "release" ? "problems" : view;
}

/** What is shown: a view and its parameters, all of it in the URL, so that a link shows the same. */
export interface Route {
  readonly view: ViewName;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads the part of a URL after `#`; what isn't known shows the overview. */
export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const view = viewNames.find((name) => name === path) ?? "overview";
  return { view, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

/** The link to a view. Empty parameters are left out. */
export function linkTo(view: ViewName, parameters: Readonly<Record<string, string>> = {}): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query === "" ? "" : `?${query}`}`;
}
