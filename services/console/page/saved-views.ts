/** The views of the services that a person has saved in this browser: a name, and the part of the URL after `?`. */
export type SavedViews = Readonly<Record<string, string>>;

/** Where they are: the browser's `localStorage`. */
export interface ViewStorage {
  readonly getItem: (key: string) => string | null;
  /** Throws where there is no room. */
  readonly setItem: (key: string, value: string) => void;
}

const key = "meshregistry-views";

/** All of them, by name; what another version or a person has left there in another form is passed over. */
export function savedViews(storage: Pick<ViewStorage, "getItem">): SavedViews {
  try {
    const stored: unknown = JSON.parse(storage.getItem(key) ?? "{}");
    if (typeof stored !== "object" || stored === null) return {};
    const views = Object.entries(stored).filter((view): view is [string, string] =>
      typeof view[1] === "string"
    );
    return Object.fromEntries(views.toSorted(([a], [b]) => a < b ? -1 : 1));
  } catch {
    return {};
  }
}

/** Saves a view under a name, or forgets it if there is none. False: the browser has no room. */
export function saveView(
  name: string,
  query: string | undefined,
  storage: ViewStorage,
): boolean {
  const { [name]: _replaced, ...others } = savedViews(storage);
  try {
    storage.setItem(key, JSON.stringify(query === undefined ? others : { ...others, [name]: query }));
    return true;
  } catch {
    return false;
  }
}
