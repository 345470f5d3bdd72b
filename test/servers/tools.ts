import { execFileSync } from "node:child_process";
import { errorText } from "../../shared/runtime/errors.ts";
import type { Recipe } from "./recipes.ts";

/**
 * Says what is missing to build a recipe, and how to get it; `undefined` if nothing is. Asks the tools themselves, since
 * a tool that is there but too old fails minutes later with an obscure message.
 */
export function missingTool(recipe: Recipe): string | undefined {
  switch (recipe.kind) {
    case "maven":
      return missingMaven();
    case "npm":
      return missingCompiler();
    case "go-build":
    case "go-install":
      return missingGo();
    case "cargo":
      return missingCargo();
    case "pip":
      return missingPip();
  }
}

/** What node-gyp needs to compile. */
function missingCompiler(): string | undefined {
  const missing = ["g++", "make", "python3", "npm"].filter((command) => {
    try {
      output(command, ["--version"]);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return undefined;
  return `not in PATH: ${missing.join(", ")} (Debian: apt install g++ make python3; npm comes with Node)`;
}

function missingGo(): string | undefined {
  const how = "install Go >= 1.26 from https://go.dev/dl/ and put its bin folder into PATH";
  let version: string;
  let toolchain: string;
  try {
    version = output("go", ["version"]);
    toolchain = output("go", ["env", "GOTOOLCHAIN"]).trim();
  } catch (error) {
    return `Go is not in PATH (${errorText(error)}); ${how}`;
  }
  const minor = Number(/\bgo1\.(\d+)/.exec(version)?.[1] ?? 0);
  // From 1.21 on Go fetches the newer toolchain that a module asks for, unless it was told to stay local.
  if (minor >= 26 || (minor >= 21 && toolchain !== "local")) return undefined;
  return `Go is too old (${version.trim()}); ${how}`;
}

function missingCargo(): string | undefined {
  try {
    output("cargo", ["--version"]);
    return undefined;
  } catch (error) {
    return `Cargo is not in PATH (${errorText(error)}); install Rust from https://rustup.rs`;
  }
}

function missingPip(): string | undefined {
  try {
    output("python3", ["-m", "pip", "--version"]);
    return undefined;
  } catch (error) {
    return `Python's pip does not start (${errorText(error)}); Debian: apt install python3-pip`;
  }
}

function missingMaven(): string | undefined {
  const how = "install Maven >= 3.8 and a JDK >= 17 (Debian: apt install maven openjdk-17-jdk-headless)";
  let text: string;
  try {
    text = output("mvn", ["-v"]);
  } catch (error) {
    return `Maven is not in PATH or does not start (${errorText(error)}); ${how}`;
  }
  const java = /Java version: (\d+)/.exec(text)?.[1] ?? "";
  return Number(java) >= 17 ? undefined : `Maven runs on Java ${java || "of unknown version"}; ${how}`;
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
