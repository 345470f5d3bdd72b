import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sourcesIn } from "./check-imports.ts";

/** A wording to avoid. */
interface Habit {
  readonly pattern: RegExp;
  /** Why a reader stumbles over it, and the wording to use. */
  readonly instead: string;
  /** True for comments of all folders. Other habits are only looked for in documents and in {@link plainFolders}. */
  readonly everywhere?: true;
}

/**
 * The worst relapses, kept out because they hide the subject or are no English. Patterns match across line ends; words
 * in backticks are no prose. A habit must have no hit when it is added, so that the check stays green.
 */
export const habits: readonly Habit[] = [
  {
    pattern: /\ballows?\s+to\b/i,
    instead: "no English: say who may do it (`lets a replica drop`), or use a noun (`allows dropping`)",
    everywhere: true,
  },
  {
    pattern: /\bwhat\s+is\s+what\b/i,
    instead: "names neither of the two: say what is told apart, and by which sign",
    everywhere: true,
  },
  {
    pattern: /\bt(?:ake|akes|aken|aking|ook)\s+note\b/i,
    instead: "code has no notebook: `records`, `applies`, `remembers`",
  },
  {
    pattern: /\b(?:is|are|was|were|be|been)\s+told\b(?!\s+(?:apart|from)\b)/i,
    instead: "a passive hides caller and message: `is called with`, `is sent`, `logs`",
  },
  {
    pattern: /\bso\s+many\b(?!(?:\s+\w+)?\s+that\b)/i,
    instead: "means nothing alone: `maximum number of …`, `number of …`",
  },
  {
    pattern: /\b(?:nobody|somebody|whoever)\b/i,
    instead: "only people are bodies: name the client, replica, caller or operator",
  },
  {
    pattern: /(?:^|\.\s+|\/\*\*\s+)Answers\b/m,
    instead: "an answer is a message of a protocol: a function `Returns`",
  },
  {
    pattern: /(?:^|[.,;:]\s+)of\s+old\b/im,
    instead: "when? Name the version, or say `legacy`",
  },
];

/** Folders whose comments keep to all habits. A folder that has been gone through joins them. */
const plainFolders = [
  "shared/collector",
  "shared/model",
  "services/eureka-collector",
  "services/k8s-collector",
  "services/nacos-collector",
  "services/zk-collector",
];

/** Blanks a part of a text, and keeps its lines. */
const blank = (part: string) => part.replaceAll(/[^\n]/g, " ");

/** The prose of a Markdown document: code is blanked, so that lines keep their numbers. */
export function proseOfDocument(text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```/gm, blank).replaceAll(/`[^`]*`/g, blank);
}

/** The comments of a source; everything else is blanked. Comments behind code are not looked at. */
export function proseOfSource(text: string): string {
  const lines = text.split("\n").map((line) => {
    const comment = /^\s*(?:\/\/|\/\*\*?|\*(?!\/))/.exec(line)?.[0];
    return comment === undefined ? "" : line.slice(comment.length).trimStart().replace(/\*\/\s*$/, "");
  });
  return lines.join("\n").replaceAll(/`[^`\n]*`/g, blank);
}

/** One line for each hit in `prose`: place, words, and the wording to use. */
export function wordingFaults(file: string, prose: string, sought: readonly Habit[] = habits): string[] {
  return sought.flatMap(({ pattern, instead }) =>
    [...prose.matchAll(new RegExp(pattern, `${pattern.flags}g`))].map((match) => {
      const start = match.index + match[0].search(/[A-Za-z]/);
      const line = prose.slice(0, start).split("\n").length;
      return `${file}:${line}: "${match[0].trim().replaceAll(/\s+/g, " ")}": ${instead}`;
    })
  );
}

/** Hits in the documents and comments below `root`. */
export function findWordingFaults(root: string): string[] {
  const documents = ["", "docs"].flatMap((folder) =>
    readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => join(folder, name))
  );
  const everywhere = habits.filter((habit) => habit.everywhere);
  const sources = ["services", "shared", "test"].flatMap((folder) => sourcesIn(root, folder))
    // It names what it forbids.
    .filter((file) => !file.startsWith("test/check-wording"));
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  return [
    ...documents.flatMap((file) => wordingFaults(file, proseOfDocument(read(file)))),
    ...sources.flatMap((file) => {
      const plain = plainFolders.some((folder) => file.startsWith(`${folder}/`));
      return wordingFaults(file, proseOfSource(read(file)), plain ? habits : everywhere);
    }),
  ];
}
