/** Keys of slime's framework beside `general`, by their path in a module file, with the reason. */
export const moduleKeysWithoutEffect: ReadonlyMap<string, string> = new Map([
  [
    "global.misc.aux-addr",
    "set http.address in general.LEGACY (slime's port is 8081, which is also our default)",
  ],
  ["global.misc.pathRedirect", "pages have one path here"],
  ["global.misc.logSourceLevel", "set the environment variable LOG_LEVEL"],
  ["global.log.logLevel", "set the environment variable LOG_LEVEL"],
]);
