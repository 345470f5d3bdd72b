/**
 * The resources in a text: an array of them, as `meshctl convert -o json` prints it, one of them, or a body of
 * `/api/v1/compare`. What each of them holds is the aggregator's to check.
 * @throws SyntaxError if it is no JSON
 */
export function manifestsIn(text: string): readonly unknown[] {
  const given: unknown = JSON.parse(text);
  if (Array.isArray(given)) return given;
  if (typeof given === "object" && given !== null && "manifests" in given && Array.isArray(given.manifests)) {
    return given.manifests;
  }
  return [given];
}
